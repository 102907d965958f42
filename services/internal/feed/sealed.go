package feed

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"math/bits"
	"regexp"
	"slices"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

const (
	// SaltSize is the length of a commitment's salt, in bytes.
	SaltSize = 32

	commitTag = "duban/commit/v1\x00"

	// smallestBucket is the least length of a padded payload, in bytes.
	smallestBucket = 64
)

var labelShape = regexp.MustCompile(`^[a-z][a-z_]{0,31}$`)

// Digest is the commitment to what an opening holds, under a label, in the
// entry id of the log origin: SHA-256 over the domain tag, the origin of the log's
// first era, id and label each behind its length in two bytes, the salt, and the
// payload behind its length in four bytes, filled up with zeros to a power of two
// of at least 64 bytes. The salt MUST have SaltSize bytes.
func Digest(origin string, id []byte, label string, o *feedv1.Opening) [sha256.Size]byte {
	origin = committed(origin)
	payload := o.GetPayload()
	bucket := max(smallestBucket, 1<<bits.Len(uint(4+len(payload)-1)))
	b := make([]byte, 0, len(commitTag)+6+len(origin)+len(id)+len(label)+SaltSize+bucket)
	b = append(b, commitTag...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(origin))), origin...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(id))), id...)
	b = append(binary.BigEndian.AppendUint16(b, uint16(len(label))), label...)
	b = append(b, o.GetSalt()...)
	end := len(b) + bucket
	b = append(binary.BigEndian.AppendUint32(b, uint32(len(payload))), payload...)
	return sha256.Sum256(append(b, make([]byte, end-len(b))...))
}

// Label returns the label behind which a field's content stands, or "" if it
// stands in the entry's body.
func Label(field protoreflect.FieldDescriptor) string {
	label, _ := proto.GetExtension(field.Options(), feedv1.E_Sealed).(string)
	return label
}

// Kept says whether a field stands in the body of the resource's entries: it is neither
// behind a label nor worked out when the resource is read.
func Kept(field protoreflect.FieldDescriptor) bool {
	unkept, _ := proto.GetExtension(field.Options(), feedv1.E_Unkept).(bool)
	return Label(field) == "" && !unkept
}

// CheckSealed returns an error unless the contract of a resource can be parted:
// only its top-level fields may be sealed, and labels are lower-case words of
// at most 32 letters.
func CheckSealed(md protoreflect.MessageDescriptor) error {
	var errs []error
	for _, field := range fields(md) {
		if label := Label(field); label != "" && !labelShape.MatchString(label) {
			errs = append(errs, fmt.Errorf("%s: the label %q is no lower-case word", field.FullName(), label))
		}
		if field.Message() != nil {
			errs = append(errs, sealedBelow(field.Message(), map[protoreflect.FullName]bool{}))
		}
	}
	return errors.Join(errs...)
}

// sealedBelow finds the sealed fields of a message that stands within another.
func sealedBelow(md protoreflect.MessageDescriptor, seen map[protoreflect.FullName]bool) error {
	if seen[md.FullName()] {
		return nil
	}
	seen[md.FullName()] = true
	var errs []error
	for _, field := range fields(md) {
		if Label(field) != "" {
			errs = append(errs, fmt.Errorf("%s is sealed and not at the top", field.FullName()))
		}
		if field.Message() != nil {
			errs = append(errs, sealedBelow(field.Message(), seen))
		}
	}
	return errors.Join(errs...)
}

func fields(md protoreflect.MessageDescriptor) []protoreflect.FieldDescriptor {
	list := make([]protoreflect.FieldDescriptor, md.Fields().Len())
	for i := range list {
		list[i] = md.Fields().Get(i)
	}
	return list
}

// seams says where an encoded resource is to be parted.
type seams struct {
	typeURL string
	labels  []string                 // sorted
	part    map[protowire.Number]int // of each sealed field, the index of its label
}

// part is what stands behind one label.
type part struct {
	label   string
	payload []byte
}

func newSeams(md protoreflect.MessageDescriptor) (*seams, error) {
	if err := CheckSealed(md); err != nil {
		return nil, err
	}
	s := &seams{typeURL: "type.googleapis.com/" + string(md.FullName()), part: map[protowire.Number]int{}}
	for _, field := range fields(md) {
		if label := Label(field); label != "" {
			s.labels = append(s.labels, label)
		}
	}
	slices.Sort(s.labels)
	s.labels = slices.Compact(s.labels)
	for _, field := range fields(md) {
		if i := slices.Index(s.labels, Label(field)); i >= 0 {
			s.part[field.Number()] = i
		}
	}
	return s, nil
}

// split parts an encoded resource into what everyone may read and what stands
// behind each label that has content. Fields keep their order.
func (s *seams) split(whole []byte) (public []byte, sealed []part, err error) {
	if len(s.labels) == 0 {
		return whole, nil, nil
	}
	payloads := make([][]byte, len(s.labels))
	public = make([]byte, 0, len(whole))
	for len(whole) > 0 {
		number, _, n := protowire.ConsumeField(whole)
		if n < 0 {
			return nil, nil, fmt.Errorf("parting a resource: %w", protowire.ParseError(n))
		}
		if i, ok := s.part[number]; ok {
			payloads[i] = append(payloads[i], whole[:n]...)
		} else {
			public = append(public, whole[:n]...)
		}
		whole = whole[n:]
	}
	for i, payload := range payloads {
		if len(payload) > 0 {
			sealed = append(sealed, part{s.labels[i], payload})
		}
	}
	return public, sealed, nil
}
