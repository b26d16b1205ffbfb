package control

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"

	"github.com/fortunadws/fortuna/kv/artifact"
	"github.com/fortunadws/fortuna/kv/node"
)

// Client asks a node. Its methods may be called from any goroutine.
type Client struct {
	base  string
	token artifact.Token
	http  *http.Client
}

// NewClient asks the node at base, "http://127.0.0.1:9787", in the name of a token. tls is how it is known, if base is https.
func NewClient(base string, token artifact.Token, tls *tls.Config) *Client {
	return &Client{strings.TrimSuffix(base, "/"), token, &http.Client{Transport: &http.Transport{
		TLSClientConfig: tls, Proxy: nil, MaxIdleConnsPerHost: 8, ResponseHeaderTimeout: answersWithin,
		DialContext: (&net.Dialer{Timeout: dialWithin}).DialContext,
	}}}
}

// dialWithin is how long a node may take to let a client in.
const dialWithin = 10 * time.Second

// Error is what a node answers instead of doing it.
type Error struct {
	Status int
	What   string
}

func (e *Error) Error() string { return e.What }

// ErrUnreachable is a node that does not answer.
var ErrUnreachable = errors.New("the node does not answer")

// do asks, and reads the answer into into, unless that is nil.
func (c *Client) do(ctx context.Context, method, path string, body []byte, into any) error {
	answer, err := c.open(ctx, method, path, body)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	if into == nil {
		return nil
	}
	if err := json.NewDecoder(answer.Body).Decode(into); err != nil {
		return fmt.Errorf("%w: its answer breaks off: %v", ErrUnreachable, err)
	}
	return nil
}

func (c *Client) open(ctx context.Context, method, path string, body []byte) (*http.Response, error) {
	q, err := http.NewRequestWithContext(ctx, method, c.base+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	q.Header.Set("Authorization", "Bearer "+c.token.ID+"."+c.token.Password)
	answer, err := c.http.Do(q)
	if err != nil {
		var u *url.Error
		if errors.As(err, &u) {
			err = u.Err
		}
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		return nil, fmt.Errorf("%w: %v", ErrUnreachable, err)
	}
	if answer.StatusCode/100 != 2 {
		defer answer.Body.Close()
		text, _ := io.ReadAll(io.LimitReader(answer.Body, 64<<10)) // what is there will do
		return nil, &Error{answer.StatusCode, strings.TrimSpace(string(text))}
	}
	return answer, nil
}

func (c *Client) post(ctx context.Context, path string, body, into any) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	return c.do(ctx, http.MethodPost, path, text, into)
}

// Status is how the cluster is.
func (c *Client) Status(ctx context.Context) (s Status, err error) {
	return s, c.do(ctx, http.MethodGet, "/v1/status", nil, &s)
}

// Missing says which contents have to be uploaded.
func (c *Client) Missing(ctx context.Context, app string, sums []string) (missing []string, err error) {
	return missing, c.post(ctx, "/v1/apps/"+app+"/missing", sums, &missing)
}

// Upload uploads a content.
func (c *Client) Upload(ctx context.Context, app string, data []byte) error {
	return c.do(ctx, http.MethodPut, "/v1/apps/"+app+"/files/"+artifact.Sum(data), data, nil)
}

// Version makes a version.
func (c *Client) Version(ctx context.Context, v artifact.Version) (out Created, err error) {
	sealed, err := artifact.SignVersion(v, c.token)
	if err != nil {
		return out, err
	}
	return out, c.post(ctx, "/v1/apps/"+v.App+"/versions", sealed, &out)
}

// Versions are those of an app, the newest first.
func (c *Client) Versions(ctx context.Context, app string) (all []artifact.Deployed, err error) {
	return all, c.do(ctx, http.MethodGet, "/v1/apps/"+app+"/versions", nil, &all)
}

// Current is the release in force, with counter 0 before the first.
func (c *Client) Current(ctx context.Context, app string) (r artifact.Release, err error) {
	return r, c.do(ctx, http.MethodGet, "/v1/apps/"+app+"/release", nil, &r)
}

// Release puts a release in force and calls told with each node's word.
func (c *Client) Release(ctx context.Context, r artifact.Release, wait time.Duration, told func(Step)) error {
	sealed, err := artifact.SignRelease(r, c.token)
	if err != nil {
		return err
	}
	text, err := json.Marshal(sealed)
	if err != nil {
		return err
	}
	answer, err := c.open(ctx, http.MethodPost, "/v1/apps/"+r.App+"/releases?wait="+wait.String(), text)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	lines := bufio.NewScanner(answer.Body)
	done := false
	for lines.Scan() {
		var s Step
		if err := json.Unmarshal(lines.Bytes(), &s); err != nil {
			break
		}
		done = s.Done
		told(s)
	}
	if !done {
		return fmt.Errorf("%w: its answer breaks off; the release is in force", ErrUnreachable)
	}
	return nil
}

// Explain is where a request for a URL would go.
func (c *Client) Explain(ctx context.Context, u string) (e Explanation, err error) {
	return e, c.do(ctx, http.MethodGet, "/v1/explain?url="+url.QueryEscape(u), nil, &e)
}

// Proof is what a node answers to a question that only one of the cluster can; it needs no token, and shows none.
func (c *Client) Proof(ctx context.Context, question string) (string, error) {
	var out struct{ Proof string }
	stranger := Client{base: c.base, http: c.http}
	err := stranger.do(ctx, http.MethodGet, "/v1/proof?question="+url.QueryEscape(question), nil, &out)
	return out.Proof, err
}

// Grants are all of them.
func (c *Client) Grants(ctx context.Context) (all []GrantInfo, err error) {
	return all, c.do(ctx, http.MethodGet, "/v1/grants", nil, &all)
}

// Grant makes a grant known that the root has signed; it needs no token.
func (c *Client) Grant(ctx context.Context, sealed artifact.Sealed) error {
	return c.post(ctx, "/v1/grants", sealed, nil)
}

// Revoke ends a grant.
func (c *Client) Revoke(ctx context.Context, id string) error {
	return c.do(ctx, http.MethodDelete, "/v1/grants/"+url.PathEscape(id), nil, nil)
}

// Wish tells a node what is wanted of it.
func (c *Client) Wish(ctx context.Context, name string, w node.Wish) error {
	return c.post(ctx, "/v1/nodes/"+url.PathEscape(name)+"/wish", w, nil)
}

// Remove takes a node out of the cluster.
func (c *Client) Remove(ctx context.Context, name string) error {
	return c.do(ctx, http.MethodDelete, "/v1/nodes/"+url.PathEscape(name), nil, nil)
}
