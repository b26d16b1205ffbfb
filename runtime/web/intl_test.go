package web

import (
	"encoding/json"
	"os"
	"testing"
)

// TestIntl_saysWhatICUSays compares with testdata/intl/cases.json, which testdata/intl/cases.mjs had Node write.
func TestIntl_saysWhatICUSays(t *testing.T) {
	b, err := os.ReadFile("testdata/intl/cases.json")
	if err != nil {
		t.Fatal(err)
	}
	var cases [][2]string
	if err := json.Unmarshal(b, &cases); err != nil {
		t.Fatal(err)
	}
	r, h := newTestRealm(t)
	for _, c := range cases {
		if got := evalIn(t, r, h, "return String("+c[0]+")"); got != c[1] {
			t.Errorf("%s\n got  %s\n want %s", c[0], got, c[1])
		}
	}
}
