package kv

import "testing"

func TestCheckVersion(t *testing.T) {
	for text, ok := range map[string]bool{
		"2.12.0": true, "2.12.1-RC.2": true, "2.13.0": true, "3.0.0": true, "2.100.0": true,
		"2.11.9": false, "2.2.12": false, "1.99.0": false, "": false, "dev": false, "2": false,
	} {
		if err := checkVersion(text); (err == nil) != ok {
			t.Errorf("%q: %v", text, err)
		}
	}
}
