package bundle

import (
	"bytes"
	"encoding/binary"
	"errors"
	"io"
	"strings"
	"testing"

	"filippo.io/age"
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

// TestNoMoreIsUnpackedThanAFileMayHave: a small file may have much in it.
func TestNoMoreIsUnpackedThanAFileMayHave(t *testing.T) {
	for left, want := range map[int64]error{9: ErrDamaged, 10: nil} {
		in := &opened{strings.NewReader("0123456789"), &source{}, left}
		if _, err := io.ReadAll(in); !errors.Is(err, want) {
			t.Errorf("with %d bytes left: %v", left, err)
		}
	}
}

// TestWhatIsSealedIsZstd: what age opens is what RFC 8878 says, and smaller than what
// was written.
func TestWhatIsSealedIsZstd(t *testing.T) {
	mine := NewIdentity([32]byte{1})
	var file bytes.Buffer
	w, err := Seal(&file, Bundle, mine.Recipient())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := w.Write(bytes.Repeat([]byte("整改台账"), 1<<16)); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	if file.Len() > 8<<10 {
		t.Errorf("768 KiB of the same take %d bytes", file.Len())
	}
	if _, err := file.ReadString('\n'); err != nil {
		t.Fatal(err)
	}
	inside, err := age.Decrypt(&file, mine.key)
	if err != nil {
		t.Fatal(err)
	}
	magic := make([]byte, 4)
	if _, err := io.ReadFull(inside, magic); err != nil || binary.LittleEndian.Uint32(magic) != 0xFD2FB528 {
		t.Errorf("inside begins with %x, %v", magic, err)
	}
}
