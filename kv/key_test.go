package kv

import "testing"

func FuzzKey(f *testing.F) {
	for _, key := range []string{"a", "user:1", ":", "::", "a/b", "=", ".", "*", ">", "é", "\x00", " "} {
		f.Add(key)
	}
	f.Fuzz(func(t *testing.T, key string) {
		if checkKey(key) != nil {
			return
		}
		subject := string(appendKey(nil, key))
		if len(subject) > 4*KeyBytesMax || subject[0] == '.' || subject[len(subject)-1] == '.' {
			t.Errorf("%q: subject %q", key, subject)
		}
		for i, c := range []byte(subject) {
			if !plain[c] && c != '=' && (c != '.' || subject[i-1] == '.') {
				t.Errorf("%q: subject %q", key, subject)
			}
		}
		if got, err := parseKey(subject); err != nil || got != key {
			t.Errorf("%q: subject %q is read as %q, %v", key, subject, got, err)
		}
	})
}

// No two subjects are the same key, so that nobody writes what listings show under another's name.
func FuzzParseKey(f *testing.F) {
	f.Add("user.=3A1")
	f.Fuzz(func(t *testing.T, subject string) {
		key, err := parseKey(subject)
		if err == nil && checkKey(key) == nil && len(subject) <= KeyBytesMax {
			if _, err := parseKey(string(appendKey(nil, key))); err != nil {
				t.Errorf("%q: %v", subject, err)
			}
		}
	})
}
