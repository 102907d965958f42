package bundle

import (
	"errors"
	"io"
	"strings"
	"testing"
)

// TestNoMoreIsReadThanAFileMayHave: the limit holds before anything is opened, and
// what exceeds it is damaged, not unreadable.
func TestNoMoreIsReadThanAFileMayHave(t *testing.T) {
	for left, want := range map[int64]error{9: ErrDamaged, 10: nil} {
		in := &source{r: strings.NewReader("0123456789"), left: left}
		if _, err := io.ReadAll(in); !errors.Is(err, want) || err != nil && !errors.Is(in.judge(io.ErrUnexpectedEOF), want) {
			t.Errorf("with %d bytes left: %v", left, err)
		}
	}
}
