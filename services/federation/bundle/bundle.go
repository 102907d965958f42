// Package bundle is the form in which the messages between two installations
// travel in files, where no network reaches (离线传递): a bundle has what the lower
// one would say on its stream, a receipt what the upper one would answer. It knows
// how a file is laid out, and whether it came whole; what the messages are worth is
// decided by whoever takes them, as on a stream. Sealing and the digest at a file's
// end say nothing of who made it: whoever changes a file on purpose can make another.
//
// A file is a line that says what it is, then each message as a varint of its
// length and its bytes, then a zero, then the SHA-256 of all before. So it goes over
// the socket in the data folder. On a medium it is sealed (加密): a line that says
// what it is, then all of that compressed by zstd (RFC 8878) and encrypted by age
// (C2SP) to the one that it is for.
package bundle

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"hash"
	"io"

	"google.golang.org/protobuf/proto"
)

// Kind is what a file is.
type Kind string

// The kinds of files.
const (
	// Bundle has ReplicateRequests: a Hello, then what is proved, then entries.
	Bundle Kind = "bundle"
	// Receipt (回执) has ReplicateResponses: Ack or Reject for each log.
	Receipt Kind = "receipt"
)

// Versions of the first line of a file.
const (
	plain = iota + 1
	sealed
)

// line is the first line of a file of that kind.
func (k Kind) line(version int) string { return fmt.Sprintf("duban/%s/v%d\n", k, version) }

// Begins says whether a file that begins so is of that kind, sealed or not.
func (k Kind) Begins(b []byte) bool { return bytes.HasPrefix(b, []byte("duban/"+k+"/")) }

// ErrDamaged says that a file is not as it was written, or something else.
var ErrDamaged = errors.New("the file is damaged, incomplete or something else")

// maxMessage is how many bytes a message may have: a greeting of 4,096 logs is the
// largest.
const maxMessage = 4 << 20

// Writer writes a file. Its methods MUST NOT be called after an error.
type Writer struct {
	out io.Writer
	sum hash.Hash
}

// NewWriter begins a file of that kind.
func NewWriter(w io.Writer, k Kind) (*Writer, error) {
	sum := sha256.New()
	out := &Writer{out: io.MultiWriter(w, sum), sum: sum}
	return out, out.write([]byte(k.line(plain)))
}

func (w *Writer) write(b []byte) error {
	_, err := w.out.Write(b)
	return err
}

// Put adds a message, which MUST NOT be empty.
func (w *Writer) Put(m proto.Message) error {
	b, err := proto.Marshal(m)
	if err != nil {
		return fmt.Errorf("encoding a message: %w", err)
	}
	return w.write(append(binary.AppendUvarint(nil, uint64(len(b))), b...))
}

// Close ends the file. It closes nothing beneath.
func (w *Writer) Close() error {
	return errors.Join(w.write([]byte{0}), w.write(w.sum.Sum(nil)))
}

// Reader reads a file.
type Reader struct {
	in  *bufio.Reader
	sum hash.Hash
	err error // of the newest byte of a length
}

// NewReader begins to read a file, which must be of that kind. It answers
// ErrDamaged.
func NewReader(r io.Reader, k Kind) (*Reader, error) {
	out := &Reader{in: bufio.NewReader(r), sum: sha256.New()}
	line := make([]byte, len(k.line(plain)))
	if err := out.fill(line); err != nil {
		return nil, err
	}
	if string(line) != k.line(plain) {
		return nil, fmt.Errorf("%w: it is no %s", ErrDamaged, k)
	}
	return out, nil
}

// Next reads a message into m. After the last one it answers io.EOF if the file is
// whole; else ErrDamaged.
func (r *Reader) Next(m proto.Message) error {
	n, err := binary.ReadUvarint(r)
	switch {
	case r.err != nil:
		return r.err
	case err != nil:
		return fmt.Errorf("%w: %w", ErrDamaged, err)
	case n == 0:
		return r.end()
	case n > maxMessage:
		return fmt.Errorf("%w: a message of %d bytes", ErrDamaged, n)
	}
	b := make([]byte, n)
	if err := r.fill(b); err != nil {
		return err
	}
	if proto.Unmarshal(b, m) != nil {
		return fmt.Errorf("%w: what should be a message is none", ErrDamaged)
	}
	return nil
}

// ReadByte implements io.ByteReader.
func (r *Reader) ReadByte() (byte, error) {
	b := make([]byte, 1)
	r.err = r.fill(b)
	return b[0], r.err
}

// fill reads so many bytes and counts them to the digest.
func (r *Reader) fill(b []byte) error {
	if _, err := io.ReadFull(r.in, b); err != nil {
		return broken(err)
	}
	r.sum.Write(b)
	return nil
}

// end compares the digest, after which nothing may come.
func (r *Reader) end() error {
	want, got := r.sum.Sum(nil), make([]byte, sha256.Size)
	if _, err := io.ReadFull(r.in, got); err != nil {
		return broken(err)
	}
	if !bytes.Equal(got, want) {
		return fmt.Errorf("%w: its digest is not that at its end", ErrDamaged)
	}
	if _, err := r.in.ReadByte(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: something follows its end", ErrDamaged)
	}
	return io.EOF
}

// broken says of a file that ends too early that it is damaged.
func broken(err error) error {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return fmt.Errorf("%w: it ends too early", ErrDamaged)
	}
	if errors.Is(err, ErrDamaged) {
		return err
	}
	return fmt.Errorf("reading: %w", err)
}

// Each reads all messages of a file, one after the other, each into a message of
// its own. It returns when the file was whole, or take answers an error.
func Each[M any, P interface {
	*M
	proto.Message
}](in io.Reader, k Kind, take func(P) error) error {
	r, err := NewReader(in, k)
	if err != nil {
		return err
	}
	for {
		m := P(new(M))
		switch err := r.Next(m); {
		case errors.Is(err, io.EOF):
			return nil
		case err != nil:
			return err
		}
		if err := take(m); err != nil {
			return err
		}
	}
}
