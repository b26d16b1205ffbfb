package cli

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"strconv"
	"sync/atomic"
	"time"

	"go.opentelemetry.io/otel/attribute"
	"go.opentelemetry.io/otel/codes"
	"go.opentelemetry.io/otel/exporters/otlp/otlptrace/otlptracehttp"
	"go.opentelemetry.io/otel/sdk/resource"
	sdk "go.opentelemetry.io/otel/sdk/trace"
	"go.opentelemetry.io/otel/trace"

	"github.com/fortunadws/fortuna/edge"
	"github.com/fortunadws/fortuna/edge/exchange"
)

// tracingTable is [tracing] of fortuna.toml.
type tracingTable struct {
	Endpoint string   // of a collector; empty: what OTEL_EXPORTER_OTLP_ENDPOINT says, or nowhere
	Ratio    *float64 // the share of requests without a trace of their own that is recorded; nil: all
	at       value
}

// spansMax is how many spans wait to be sent; what is more is lost, because no request waits for a collector.
const spansMax = 8192

// tracer sends a span of each recorded request to a collector (OpenTelemetry, OTLP over HTTP). Which headers it sends, and
// what it trusts, the standard variables OTEL_EXPORTER_OTLP_* say: no secret stands in fortuna.toml.
type tracer struct {
	provider *sdk.TracerProvider
	tracer   trace.Tracer
	ratio    float64
}

// newTracer begins to trace what the configuration or the environment asks for. It gives nil when neither does.
func newTracer(p *project, getenv func(string) string, version string, warn func(string)) (*tracer, error) {
	t := &p.config.Tracing
	var options []otlptracehttp.Option
	switch {
	case t.Endpoint != "":
		u, err := url.Parse(t.Endpoint)
		if err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
			return nil, t.at.wrong(`endpoint = "http://127.0.0.1:4318"`, "tracing.endpoint must be the http or https URL of a collector, got %q", t.Endpoint)
		}
		if u.Path == "" || u.Path == "/" {
			u.Path = "/v1/traces"
		}
		options = append(options, otlptracehttp.WithEndpointURL(u.String()))
	case getenv("OTEL_EXPORTER_OTLP_ENDPOINT") == "" && getenv("OTEL_EXPORTER_OTLP_TRACES_ENDPOINT") == "":
		return nil, nil
	}
	out, err := otlptracehttp.New(context.Background(), options...)
	if err != nil {
		return nil, fmt.Errorf("trace: %w", err)
	}
	service := getenv("OTEL_SERVICE_NAME")
	if service == "" {
		service = p.name()
	}
	provider := sdk.NewTracerProvider(
		sdk.WithBatcher(&loudExporter{SpanExporter: out, warn: warn}, sdk.WithMaxQueueSize(spansMax)),
		sdk.WithSampler(sdk.AlwaysSample()), // begin has chosen
		sdk.WithIDGenerator(givenIDs{}),
		sdk.WithResource(resource.NewSchemaless(attribute.String("service.name", service), attribute.String("service.version", version))))
	ratio := 1.0
	if t.Ratio != nil {
		ratio = *t.Ratio
	}
	return &tracer{provider: provider, tracer: provider.Tracer("fortuna"), ratio: ratio}, nil
}

// begin chooses whether a request is recorded that nobody has chosen for.
func (t *tracer) begin(q *exchange.Request) {
	if q.Trace.Parent == [8]byte{} && rand.Float64() < t.ratio {
		q.Trace.Flags |= 1
	}
}

// answered makes a span of an answer, by the names of OpenTelemetry's semantic conventions. The query is left out: it may
// hold what is nobody else's.
func (t *tracer) answered(r *edge.Record) {
	q := r.Request
	if q.Trace.Flags&1 == 0 || q.Trace == (exchange.Trace{}) {
		return
	}
	ctx := context.WithValue(context.Background(), givenIDs{}, q.Trace)
	if q.Trace.Parent != [8]byte{} {
		ctx = trace.ContextWithRemoteSpanContext(ctx, trace.NewSpanContext(trace.SpanContextConfig{
			TraceID: q.Trace.ID, SpanID: q.Trace.Parent, TraceFlags: trace.FlagsSampled, Remote: true,
		}))
	}
	name, scheme := q.Method, "http"
	if q.Route != "" {
		name += " " + q.Route
	}
	if q.TLS {
		scheme = "https"
	}
	end := time.Now()
	_, span := t.tracer.Start(ctx, name, trace.WithSpanKind(trace.SpanKindServer), trace.WithTimestamp(end.Add(-r.Duration)), trace.WithAttributes(
		attribute.String("http.request.method", q.Method), attribute.String("url.path", q.Path), attribute.String("url.scheme", scheme),
		attribute.String("server.address", q.Host), attribute.String("http.route", q.Route),
		attribute.Int("http.response.status_code", r.Status), attribute.Int64("http.response.body.size", r.BodyBytes),
		attribute.String("client.address", q.Remote.Addr().String()), attribute.String("user_agent.original", q.Get("User-Agent")),
	))
	switch {
	case r.Status >= 500:
		span.SetStatus(codes.Error, r.Refusal)
		span.SetAttributes(attribute.String("error.type", strconv.Itoa(r.Status)))
	case r.Gone:
		span.SetAttributes(attribute.Bool("fortuna.client_left", true))
	}
	span.End(trace.WithTimestamp(end))
}

// close sends what waits, for a moment.
func (t *tracer) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	return t.provider.Shutdown(ctx)
}

// givenIDs gives a span the ids that its request has in logs and in what its handler fetches. It is also the key under
// which a context holds them.
type givenIDs struct{}

func (givenIDs) NewIDs(ctx context.Context) (trace.TraceID, trace.SpanID) {
	given, _ := ctx.Value(givenIDs{}).(exchange.Trace)
	return given.ID, given.Span
}

func (givenIDs) NewSpanID(ctx context.Context, _ trace.TraceID) trace.SpanID {
	given, _ := ctx.Value(givenIDs{}).(exchange.Trace)
	return given.Span
}

// loudExporter says that a collector does not take spans, once a minute.
type loudExporter struct {
	sdk.SpanExporter
	warn func(string)
	last atomic.Int64
}

func (e *loudExporter) ExportSpans(ctx context.Context, spans []sdk.ReadOnlySpan) error {
	err := e.SpanExporter.ExportSpans(ctx, spans)
	if err != nil {
		now := time.Now().Unix()
		if last := e.last.Load(); now-last >= 60 && e.last.CompareAndSwap(last, now) {
			e.warn(fmt.Sprintf("the collector took none of %d spans: %v", len(spans), err))
		}
	}
	return nil // it has been told; the SDK would print it
}
