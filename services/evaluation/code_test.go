package evaluation_test

import (
	"errors"
	"math/rand/v2"
	"regexp"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/evaluation"
)

const symbols = "23456789ABCDEFGHJKLMNPQRSTVWXYZ"

func TestACodeIsReadHoweverItIsTyped(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	shape := regexp.MustCompile(`^([` + symbols + `]{4}-){4}[` + symbols + `]{4}$`)
	for range 200 {
		code := evaluation.NewCode(random.IntN)
		if !shape.MatchString(code) {
			t.Fatalf("NewCode = %q", code)
		}
		plain := strings.ReplaceAll(code, "-", "")
		for _, typed := range []string{code, plain, strings.ToLower(code), " " + strings.ReplaceAll(code, "-", "  ")} {
			if got, err := evaluation.ParseCode(typed); err != nil || got != plain {
				t.Fatalf("ParseCode(%q) = %q, %v; want %q", typed, got, err, plain)
			}
		}
	}
}

func TestEveryWrongOrSwappedCharacterIsFound(t *testing.T) {
	plain := strings.ReplaceAll(evaluation.NewCode(rand.New(rand.NewPCG(3, 4)).IntN), "-", "")
	refused := func(typed string) {
		t.Helper()
		if _, err := evaluation.ParseCode(typed); typed != plain && !errors.Is(err, evaluation.ErrCodeMalformed) {
			t.Errorf("ParseCode(%q) = %v, want ErrCodeMalformed; right is %q", typed, err, plain)
		}
	}
	for i := range plain {
		for _, c := range symbols + "01OIU字" {
			refused(plain[:i] + string(c) + plain[i+1:])
		}
		for j := range i {
			b := []byte(plain)
			b[i], b[j] = b[j], b[i]
			refused(string(b))
		}
		refused(plain[:i])
		refused(plain + plain[:i+1])
	}
}
