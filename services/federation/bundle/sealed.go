package bundle

import (
	"errors"
	"fmt"
	"io"

	"filippo.io/age"
	"github.com/klauspost/compress/zstd"
)

// Largest is how many bytes a file may have that is read, and how many may be in it.
const Largest = 2 << 30

// window is how far back a compressed file may refer: it is held while one is read.
const window = 8 << 20

// Why a file cannot be opened, besides ErrDamaged.
var (
	ErrPlain  = errors.New("the file is not sealed, as those of older versions: make it again with this one")
	ErrOthers = errors.New("the file is sealed for another installation, or damaged where it begins")
)

// Seal begins a file of that kind that the holder of the recipient's identity alone
// can read, compressed. What is written into it is a Writer's. Close ends the file, and
// closes nothing beneath.
func Seal(w io.Writer, k Kind, recipient string) (io.WriteCloser, error) {
	to, err := age.ParseX25519Recipient(recipient)
	if err != nil {
		return nil, fmt.Errorf("sealing for %q: %w", recipient, err)
	}
	if _, err := io.WriteString(w, k.line(sealed)); err != nil {
		return nil, err
	}
	encrypted, err := age.Encrypt(w, to)
	if err != nil {
		return nil, err
	}
	compressed, err := zstd.NewWriter(encrypted, zstd.WithEncoderConcurrency(1), zstd.WithWindowSize(window))
	return sealing{compressed, encrypted}, err
}

// sealing is what compresses and, beneath, what encrypts.
type sealing struct {
	io.WriteCloser
	beneath io.Closer
}

// Close implements io.Closer.
func (s sealing) Close() error { return errors.Join(s.WriteCloser.Close(), s.beneath.Close()) }

// Open reads what is sealed in a file of that kind. It holds some 10 MiB of it at a
// time; nothing is answered that was not sealed as it is. Open answers ErrDamaged,
// ErrPlain and ErrOthers, and reading ErrDamaged.
func Open(r io.Reader, k Kind, mine Identity) (io.Reader, error) {
	in := &source{r: r, left: Largest}
	if err := in.begins(k); err != nil {
		return nil, err
	}
	payload, err := age.Decrypt(in, mine.key)
	var others *age.NoIdentityMatchError
	switch {
	case errors.As(err, &others):
		return nil, ErrOthers
	case err != nil:
		return nil, in.judge(err)
	}
	inside, err := zstd.NewReader(payload, zstd.WithDecoderConcurrency(1), zstd.WithDecoderMaxWindow(window))
	if err != nil {
		return nil, in.judge(err)
	}
	return &opened{inside, in, Largest}, nil
}

// source is a sealed file, of which no more than is left is read.
type source struct {
	r    io.Reader
	left int64
	err  error // not of what the file holds
}

// Read implements io.Reader.
func (s *source) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	if s.left -= int64(n); s.left < 0 {
		err = fmt.Errorf("%w: it has more than %d bytes", ErrDamaged, Largest)
	}
	if err != nil && !errors.Is(err, io.EOF) {
		s.err = err
	}
	return n, err
}

// begins reads the line that says what the file is.
func (s *source) begins(k Kind) error {
	line := make([]byte, len(k.line(sealed)))
	if _, err := io.ReadFull(s, line); err != nil {
		return broken(err)
	}
	switch string(line) {
	case k.line(sealed):
		return nil
	case k.line(plain):
		return ErrPlain
	default:
		return fmt.Errorf("%w: it is no %s", ErrDamaged, k)
	}
}

// judge parts what is wrong with the file from what is wrong with reading it.
func (s *source) judge(err error) error {
	if s.err != nil {
		return s.err
	}
	return fmt.Errorf("%w: %w", ErrDamaged, err)
}

// opened is the inside of a sealed file, of which no more than is left is read.
type opened struct {
	inside io.Reader
	from   *source
	left   int64
}

// Read implements io.Reader.
func (o *opened) Read(b []byte) (int, error) {
	n, err := o.inside.Read(b)
	if o.left -= int64(n); o.left < 0 {
		return 0, fmt.Errorf("%w: there are more than %d bytes in it", ErrDamaged, Largest)
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	return n, o.from.judge(err)
}
