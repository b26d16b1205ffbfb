package edge

import (
	"reflect"
	"strings"
	"testing"
)

// Every field of Limits is a row of the table, so that a person can see it and set it.
func TestLimits_Table(t *testing.T) {
	m := DefaultLimits()
	seen := map[string]bool{}
	for _, row := range m.Table() {
		if seen[row.Key] || row.Unit == "" || row.Reason == "" || row.Status != 0 && row.Status < 400 {
			t.Errorf("row %+v is there twice, or says too little", row)
		}
		seen[row.Key] = true
		if err := m.Set(row.Key, "12345"); err != nil {
			t.Error(err)
		}
	}
	for _, row := range m.Table() {
		if row.Value != 12345 {
			t.Errorf("%s was set to 12345 and is %d", row.Key, row.Value)
		}
	}
	unset := func(v reflect.Value, name string) {
		for i := range v.NumField() {
			if f := v.Field(i); f.Kind() != reflect.Struct && f.Int() != 12345 && f.Int() != 12_345_000_000 {
				t.Errorf("%s%s has no row", name, v.Type().Field(i).Name)
			}
		}
	}
	unset(reflect.ValueOf(m), "")
	unset(reflect.ValueOf(m.HTTP), "HTTP.")
	for value, want := range map[string]string{"0": "above 0", "-1": "above 0", "x": "above 0", "99999999999": "above 0"} {
		if err := m.Set("head_ms", value); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("head_ms = %s: %v", value, err)
		}
	}
	if err := m.Set("haed_ms", "1"); err == nil {
		t.Error("a limit that is not there was set")
	}
}
