package fault_test

import (
	"errors"
	"fmt"
	"testing"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

var errLarge = fault.Of(faultv1.Reason_REASON_BODY_TOO_LARGE)

func TestFaultSpeaksBothLanguages(t *testing.T) {
	f := errLarge.With("limit", "1048576")
	if got, want := f.Error(), "The request body exceeds 1048576 bytes: part it and repeat."; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
	if got, want := f.Chinese(), "请求正文超过 1048576 字节的上限，请拆分后重试。"; got != want {
		t.Errorf("Chinese = %q, want %q", got, want)
	}
}

func TestWordsAreSaidInEachLanguage(t *testing.T) {
	f := fault.Of(faultv1.Reason_REASON_BODY_MALFORMED).Say("problem", "不是 {a}", "is no {a}").With("a", "b")
	if got, want := f.Error(), "The request body cannot be read: is no {a}."; got != want {
		t.Errorf("Error = %q, want %q", got, want)
	}
	if got, want := f.Chinese(), "请求正文无法解析：不是 {a}。"; got != want {
		t.Errorf("Chinese = %q, want %q", got, want)
	}
	if got, want := f.Facts["problem"], "is no {a}"; got != want {
		t.Errorf("the fact is %q, want %q", got, want)
	}
}

func TestInstancesMatchTheirDeclaration(t *testing.T) {
	f := errLarge.With("limit", "1").At("body", "太长", "too long")
	if !errors.Is(fmt.Errorf("reading: %w", f), errLarge) {
		t.Error("an instance does not match its declaration")
	}
	if errors.Is(f, fault.Of(faultv1.Reason_REASON_NOT_FOUND)) {
		t.Error("an instance matches another reason")
	}
	if len(errLarge.Facts) != 0 || len(errLarge.Fields) != 0 {
		t.Error("deriving an instance changed the declaration")
	}
}

func TestEveryReasonHasTextAndNoOthers(t *testing.T) {
	values := faultv1.Reason(0).Descriptor().Values()
	for i := 1; i < values.Len(); i++ {
		f := fault.Of(faultv1.Reason(values.Get(i).Number()))
		if f.Error() == "" || f.Chinese() == "" {
			t.Errorf("%s lacks a sentence", f.Reason)
		}
	}
	defer func() {
		if recover() == nil {
			t.Error("a reason without text was declared")
		}
	}()
	fault.Of(faultv1.Reason_REASON_UNSPECIFIED)
}
