package e2e

import (
	"compress/gzip"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"syscall"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	v1 "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"
)

// TestServe_traces has a collector take the spans of a node: each is a child of what its request says, and the parent of what
// its handler asked others.
func TestServe_traces(t *testing.T) {
	spans := make(chan *v1.Span, 100)
	took := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body := io.Reader(r.Body)
		if r.Header.Get("Content-Encoding") == "gzip" {
			var err error
			if body, err = gzip.NewReader(r.Body); err != nil {
				t.Error(err)
			}
		}
		data, err := io.ReadAll(body)
		if err != nil {
			t.Error(err)
		}
		var got collector.ExportTraceServiceRequest
		if err := proto.Unmarshal(data, &got); err != nil || r.URL.Path != "/v1/traces" {
			t.Errorf("%s: %v", r.URL.Path, err)
		}
		for _, resource := range got.ResourceSpans {
			for _, scope := range resource.ScopeSpans {
				for _, s := range scope.Spans {
					spans <- s
				}
			}
		}
	}))
	defer took.Close()
	asked := make(chan string, 10)
	other := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { asked <- r.Header.Get("Traceparent") }))
	defer other.Close()

	logged := make(chan string, 1000)
	config := fmt.Sprintf("[egress]\nallow = [\"127.0.0.1\"]\n[tracing]\nendpoint = %q\nratio = 0\n", took.URL)
	cmd, url := startServe(t, config, `
		export default { routes: { "/users/:id": async () => { await fetch("`+other.URL+`"); return new Response("x", { status: 503 }) } } };`, logged)
	for _, traceparent := range []string{"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01", ""} {
		q, err := http.NewRequest("GET", url+"/users/7?secret=1", nil)
		if err != nil {
			t.Fatal(err)
		}
		if traceparent != "" {
			q.Header.Set("Traceparent", traceparent)
		}
		r, err := http.DefaultClient.Do(q)
		if err != nil {
			t.Fatal(err)
		}
		r.Body.Close()
	}
	child := <-asked                                            // of the first; the second is not recorded
	if err := cmd.Process.Signal(syscall.SIGTERM); err != nil { // what waits is sent at the end
		t.Fatal(err)
	}
	var span *v1.Span
	select {
	case span = <-spans:
	case <-time.After(patience):
		t.Fatal("no span comes")
	}
	if err := cmd.Wait(); err != nil {
		t.Logf("it ended with %v", err) // as by a signal
	}
	if hex.EncodeToString(span.TraceId) != "0af7651916cd43dd8448eb211c80319c" || hex.EncodeToString(span.ParentSpanId) != "b7ad6b7169203331" {
		t.Errorf("span %x of %x in %x", span.SpanId, span.ParentSpanId, span.TraceId)
	}
	if !strings.Contains(child, hex.EncodeToString(span.SpanId)) {
		t.Errorf("the handler asked with %q, and its span is %x", child, span.SpanId)
	}
	said := map[string]string{}
	for _, a := range span.Attributes {
		said[a.Key] = strings.Trim(a.Value.String(), `"`)
	}
	if span.Name != "GET /users/:id" || span.Kind != v1.Span_SPAN_KIND_SERVER || span.Status.GetCode() != v1.Status_STATUS_CODE_ERROR ||
		!strings.Contains(said["http.response.status_code"], "503") || !strings.Contains(said["url.path"], "/users/7") || span.EndTimeUnixNano < span.StartTimeUnixNano {
		t.Errorf("%s %v %v %v", span.Name, span.Kind, span.Status, said)
	}
	if strings.Contains(fmt.Sprint(said), "secret") {
		t.Errorf("a span has the query: %v", said)
	}
	select {
	case more := <-spans:
		t.Errorf("another span: %v", more)
	default:
	}
}
