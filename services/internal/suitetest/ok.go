package suitetest

import "testing"

// OK returns a function that returns what worked, and fails the test for what did not.
func OK[T any](t testing.TB) func(T, error) T {
	return func(v T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}
