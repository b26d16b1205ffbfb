package cli

import (
	"encoding/json"
	"regexp"
	"strings"
	"testing"

	"github.com/fortunadws/fortuna/edge/exchange"
)

const markup = `</pre></script><script>alert(1)</script><img src=x onerror=alert(1)>"'&`

// hostile is a fault with markup in every text.
func hostile() *fault {
	return &fault{
		Status: 500, Code: "handler_error", Title: markup, Stack: "    at f (" + markup + ")\n", Hint: markup, Request: "GET /" + markup,
		Remarks: []remark{{Text: markup, Place: markup, Frame: "> 1 | " + markup + "\n    | ^\n", Notes: []string{markup}, Chain: markup}},
	}
}

func asking(accept string) *exchange.Request {
	return &exchange.Request{Method: "GET", Path: "/", Target: "/", Header: []exchange.Field{{Name: "Accept", Value: accept}}}
}

func TestFault_renderEscapes(t *testing.T) {
	contentType, body := hostile().render(asking("text/html,*/*;q=0.8"), moment{version: 7})
	page := string(body)
	if contentType != "text/html; charset=utf-8" {
		t.Errorf("got %q", contentType)
	}
	if n := strings.Count(page, "<script"); n != 1 {
		t.Errorf("%d scripts in the page", n)
	}
	if strings.Contains(page, "<img") || strings.Contains(page, "ZgotmplZ") {
		t.Errorf("markup got through, or the template refused a value:\n%s", page)
	}
	if !strings.Contains(page, `data-version="7"`) || !strings.Contains(page, `data-poll="/.fortuna/version"`) {
		t.Error("the page does not know what to ask for")
	}
	if n := strings.Count(page, "&lt;img src=x"); n < 7 {
		t.Errorf("%d of the texts are shown", n)
	}
	policy := regexp.MustCompile(`script-src 'sha256-[A-Za-z0-9+/]{43}='`)
	if !policy.MatchString(page) || !strings.Contains(page, "<script>"+pageScript+"</script>") {
		t.Error("the policy does not let the script run, or is missing")
	}
	if regexp.MustCompile(`(src|href)=`).MatchString(strings.NewReplacer("src=x", "", `href="data:,"`, "").Replace(page)) || strings.Contains(page, "url(") {
		t.Error("the page refers to something outside itself")
	}
}

func TestFault_renderForOthers(t *testing.T) {
	contentType, body := hostile().render(asking("application/json"), moment{version: 1})
	var got struct {
		Code   string
		Errors []struct{ Message, Position string }
		Hint   string
	}
	if err := json.Unmarshal(body, &got); err != nil {
		t.Fatal(err)
	}
	if contentType != "application/json" || got.Code != "handler_error" || got.Errors[0].Message != markup || got.Hint != markup {
		t.Errorf("got %s %+v", contentType, got)
	}
	contentType, body = hostile().render(asking("*/*"), moment{version: 1})
	if contentType != "text/plain; charset=utf-8" || !strings.Contains(string(body), "> 1 | "+markup+"\n    | ^\n") {
		t.Errorf("got %s\n%s", contentType, body)
	}
}
