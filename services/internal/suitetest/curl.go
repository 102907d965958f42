package suitetest

import (
	"net/http"
	"os"
	"strings"
	"testing"
)

// Curl is the request that a command of the pages for developers makes, with
// variables set. It knows of curl what these commands have: -X, -H, -d and the
// address; of the shell quotes, variables and continued lines.
func Curl(t testing.TB, command string, variables map[string]string) *http.Request {
	t.Helper()
	words := shell(command, variables)
	if len(words) == 0 || words[0] != "curl" {
		t.Fatalf("this is no curl: %s", command)
	}
	method, address, body, header := http.MethodGet, "", "", http.Header{}
	for i := 1; i < len(words); i++ {
		switch words[i] {
		case "-X", "-H", "-d":
			if i++; i == len(words) {
				t.Fatalf("%s has nothing behind it: %s", words[i-1], command)
			}
			switch words[i-1] {
			case "-X":
				method = words[i]
			case "-d":
				body = words[i]
			default:
				name, value, _ := strings.Cut(words[i], ": ")
				header.Add(name, value)
			}
		default:
			if address != "" {
				t.Fatalf("two addresses, %s and %s: %s", address, words[i], command)
			}
			address = words[i]
		}
	}
	r, err := http.NewRequestWithContext(t.Context(), method, address, strings.NewReader(body))
	if err != nil {
		t.Fatalf("%s: %v", command, err)
	}
	r.Header = header
	return r
}

// shell splits a command into words as a shell does.
func shell(command string, variables map[string]string) (words []string) {
	var word strings.Builder
	expand := func(s string) { word.WriteString(os.Expand(s, func(name string) string { return variables[name] })) }
	begun := false
	for rest := strings.ReplaceAll(command, "\\\n", " "); rest != ""; {
		switch c := rest[0]; c {
		case '\'', '"':
			begun = true
			inner, after, _ := strings.Cut(rest[1:], string(c))
			if rest = after; c == '"' {
				expand(inner)
			} else {
				word.WriteString(inner)
			}
		case ' ', '\n':
			if rest = rest[1:]; begun {
				words = append(words, word.String())
				word.Reset()
				begun = false
			}
		default:
			begun = true
			end := strings.IndexAny(rest, " \n'\"")
			if end < 0 {
				end = len(rest)
			}
			expand(rest[:end])
			rest = rest[end:]
		}
	}
	if begun {
		words = append(words, word.String())
	}
	return words
}
