package shipped_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/fstest"

	"github.com/duban-project/duban/services/internal/shipped"
)

func TestRead(t *testing.T) {
	folder := fstest.MapFS{"a/2.txt": {Data: []byte("two")}, "a/1.txt": {Data: []byte("one")}, "a/3.md": {Data: []byte("bad")}}
	wrong := errors.New("wrong")
	parse := func(b []byte) (string, error) {
		if string(b) == "bad" {
			return "", wrong
		}
		return string(b), nil
	}
	if got, err := shipped.Read(folder, "a/*.txt", parse); err != nil || !slices.Equal(got, []string{"one", "two"}) {
		t.Errorf("Read = %q, %v", got, err)
	}
	if _, err := shipped.Read(folder, "a/*", parse); !errors.Is(err, wrong) || !strings.Contains(err.Error(), "a/3.md") {
		t.Errorf("a file that does not hold: %v", err)
	}
}
