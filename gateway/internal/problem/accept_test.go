package problem

import "testing"

func TestAcceptDecidesHowAnErrorIsTold(t *testing.T) {
	for accept, want := range map[string]bool{
		"":                                       false,
		"*/*":                                    false,
		"application/*":                          false,
		"application/json":                       false,
		"text/html, */*;q=0.1":                   false,
		"application/problem+json":               true,
		"APPLICATION/Problem+JSON":               true,
		"application/problem+json;charset=utf-8": true,
		"application/json, application/problem+json":               true,
		"application/json;q=0.9, application/problem+json":         true,
		"application/json, application/problem+json;q=0.9":         false,
		"application/problem+json;q=0":                             false,
		"application/problem+json;q=0.0, */*":                      false,
		"application/problem+json;q=0, application/json;q=0":       false,
		"application/json;q=0, */*":                                true,
		"application/json;q=0.5, application/*":                    true,
		"application/*;q=0.2, application/json;q=0.1, */*":         true,
		"application/problem+json;q=0.001":                         true,
		"application/problem+json;q=2":                             false,
		"application/problem+json;q=x, application/problem+json":   true,
		`text/x;p="application/problem+json,", application/json`:   false,
		`text/x;p="a,application/problem+json,b"`:                  false,
		"application/problem+json-patch":                           false,
		",, application/problem+json ,":                            true,
		"application/problem+xml":                                  false,
		"application/problem+json;q=0.5, application/*;q=0.4, */*": true,
	} {
		if got := wantsProblem([]string{accept}); got != want {
			t.Errorf("%q: %v, want %v", accept, got, want)
		}
	}
	if !wantsProblem([]string{"application/json;q=0.5", "application/problem+json"}) {
		t.Error("the second line is not read")
	}
}
