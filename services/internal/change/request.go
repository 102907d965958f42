package change

import (
	"bytes"
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/descriptorpb"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/authz"
	"github.com/duban-project/duban/services/internal/fault"
	"github.com/duban-project/duban/services/internal/store"
)

// ErrReused says that a request id came again with another request.
var ErrReused = fault.Of(faultv1.Reason_REASON_REQUEST_ID_REUSED)

// kept is how long a request id is remembered, in real time.
const kept = 7 * 24 * time.Hour

// Request ids lie outside what fsck folds: they are no one's history.
const (
	requestsBucket = "requests"     // pseudonym of principal 0x00 id → time, digest, units, answer
	requestAges    = "requests.age" // time, the same → sum of what is remembered, see sumOf
)

const swept = 4 // outdated request ids that a new one takes with it

// identity is what a repeat is recognised by. Without a request id it has no
// key, remembers nothing and answers nothing.
type identity struct {
	key    []byte
	digest [sha256.Size]byte
	at     string // where the request id stands
}

// identify takes the request id from the request or the Idempotency-Key header. What it is
// kept under tells nobody without the key whose it is.
func identify(ctx context.Context, b *Book, access *authz.Access, req Request) (identity, error) {
	id, err := sent(ctx, req)
	if err != nil || id == "" || req.GetValidateOnly() {
		return identity{}, err
	}
	if err := checkID(id, Said(req), access.Principal.Name == ""); err != nil {
		return identity{}, err
	}
	body, err := proto.MarshalOptions{Deterministic: true}.Marshal(withoutID(req))
	if err != nil {
		return identity{}, fmt.Errorf("encoding the request: %w", err)
	}
	body = append(body, access.Method.FullName...)
	return identity{key: b.Pseudonym(access.Principal.Name + "\x00" + id), digest: sha256.Sum256(body), at: Said(req)}, nil
}

// PublicID returns the request id of a call, or "" for none, held to what one of
// the public must be whoever calls. It is for a method whose repeats must not lie
// here, beside the time and what was asked: a ballot is cast by one.
func PublicID(ctx context.Context, req Request) (string, error) {
	id, err := sent(ctx, req)
	if err != nil || id == "" {
		return "", err
	}
	return id, checkID(id, Said(req), true)
}

// sent is the request id as it came, in the request or in the header.
func sent(ctx context.Context, req Request) (string, error) {
	id, head := req.GetRequestId(), header(ctx, "idempotency-key")
	if id != "" && head != "" && head != id {
		return "", ErrFields.At("request_id", "与 Idempotency-Key 不一致", "differs from Idempotency-Key")
	}
	return cmp.Or(id, head), nil
}

// Said is where the request id of a request stands: in the header, if it is not in the
// request, which may have no field for it.
func Said(req Request) string {
	if req.GetRequestId() == "" {
		return "Idempotency-Key"
	}
	return "request_id"
}

// checkID refuses an id that is none, and of the public one that could be guessed: all
// who have no key share one space, in which nobody may find another's answer. at is where
// it stands.
func checkID(id, at string, public bool) error {
	switch {
	case strings.TrimSpace(id) == "":
		return ErrFields.At(at, "不能只有空白", "must not be blank")
	case len(id) > 128:
		return ErrFields.At(at, "不得超过 128 个字符", "must be at most 128 characters")
	case public && !random(id):
		return ErrFields.At(at, "须为随机生成的编号：第 4 版 UUID，或至少 32 位十六进制数字，或至少 22 个 Base64 字符",
			"must be random: a UUID of version 4, or at least 32 hexadecimal digits or 22 characters of base64")
	}
	return nil
}

// withoutID is what a request says beside its id, which may as well stand in the
// header.
func withoutID(req Request) proto.Message {
	if req.GetRequestId() == "" {
		return req
	}
	bare := proto.Clone(req)
	m := bare.ProtoReflect()
	m.Clear(m.Descriptor().Fields().ByName("request_id"))
	return bare
}

// answered returns the first answer to the request, decoded as like, or nil. Who
// may no longer act on the units of the first time gets what anyone gets.
func (id identity) answered(tx store.Tx, access *authz.Access, like proto.Message) (proto.Message, error) {
	if id.key == nil {
		return nil, nil
	}
	value, there, err := store.Seek(tx, requestsBucket, id.key)
	if err != nil || !there {
		return nil, err
	}
	if err := id.whole(tx, value); err != nil {
		return nil, err
	}
	digest, units, answer := parted(value)
	if !bytes.Equal(digest, id.digest[:]) {
		return nil, ErrReused.At(id.at, "已用于内容不同的请求", "was used for another request")
	}
	for _, unit := range units {
		if err := access.Check(unit); err != nil {
			return nil, err
		}
	}
	first := like.ProtoReflect().New().Interface()
	return first, proto.Unmarshal(answer, first)
}

// errDamaged says that what is remembered is not what was: no answer is better than another.
var errDamaged = errors.New("change: the remembered answer is damaged")

// whole refuses a remembered request that is not as it was written. Builds from before kept
// no sum.
func (id identity) whole(tx store.Tx, value []byte) error {
	if len(value) < timeSize {
		return errDamaged
	}
	sum, there, err := store.Seek(tx, requestAges, ageKey(value, id.key))
	if err == nil && (!there || len(sum) > 0 && !bytes.Equal(sum, sumOf(id.key, value))) {
		err = errDamaged
	}
	return err
}

// ageKey is where the age stands of what is remembered under key.
func ageKey(value, key []byte) []byte { return slices.Concat(value[:timeSize], key) }

// sumOf is the SHA-256 of a key, whose length never changes, and what is remembered under it.
func sumOf(key, value []byte) []byte {
	sum := sha256.Sum256(slices.Concat(key, value))
	return sum[:]
}

// A remembered request is the time, the digest, how many bytes the names of its
// units have, these names, and the answer.
const timeSize = 8

func parted(value []byte) (digest []byte, units []string, answer []byte) {
	digest, value = value[timeSize:timeSize+sha256.Size], value[timeSize+sha256.Size:]
	n, value := binary.BigEndian.Uint32(value), value[4:]
	if n > 0 {
		units = strings.Split(string(value[:n]), "\n")
	}
	return digest, units, value[n:]
}

// keep remembers the answer, and forgets a few that are outdated.
func (id identity) keep(tx store.Tx, now time.Time, units []string, answer proto.Message) error {
	if id.key == nil {
		return nil
	}
	value := binary.BigEndian.AppendUint64(nil, uint64(now.UnixMilli()))
	value = append(value, id.digest[:]...)
	names := strings.Join(units, "\n")
	value = append(binary.BigEndian.AppendUint32(value, uint32(len(names))), names...)
	value, err := proto.MarshalOptions{Deterministic: true}.MarshalAppend(value, withoutSecrets(answer))
	if err != nil {
		return fmt.Errorf("encoding the answer: %w", err)
	}
	if err := tx.Put(requestsBucket, id.key, value); err != nil {
		return err
	}
	if err := tx.Put(requestAges, ageKey(value, id.key), sumOf(id.key, value)); err != nil {
		return err
	}
	return sweep(tx, now.Add(-kept))
}

// sweep forgets a few request ids from before.
func sweep(tx store.Tx, before time.Time) error {
	end := binary.BigEndian.AppendUint64(nil, uint64(before.UnixMilli()))
	n := 0
	for e, err := range tx.Scan(requestAges, nil, end) {
		if err != nil {
			return err
		}
		if n++; n > swept {
			return nil
		}
		if err := tx.Delete(requestsBucket, e.Key[8:]); err != nil {
			return err
		}
		if err := tx.Delete(requestAges, e.Key); err != nil {
			return err
		}
	}
	return nil
}

// withoutSecrets leaves out the fields that the contract marks debug_redact, at
// any depth: they are shown once.
func withoutSecrets(m proto.Message) proto.Message {
	if !secretive(m.ProtoReflect().Descriptor(), nil) {
		return m
	}
	m = proto.Clone(m)
	redact(m.ProtoReflect())
	return m
}

func secretive(d protoreflect.MessageDescriptor, above []protoreflect.FullName) bool {
	for _, name := range above {
		if name == d.FullName() {
			return false
		}
	}
	for i := range d.Fields().Len() {
		f := d.Fields().Get(i)
		if secret(f) || f.Message() != nil && secretive(f.Message(), append(above, d.FullName())) {
			return true
		}
	}
	return false
}

func secret(f protoreflect.FieldDescriptor) bool {
	o, _ := f.Options().(*descriptorpb.FieldOptions)
	return o.GetDebugRedact()
}

func redact(m protoreflect.Message) {
	m.Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		switch {
		case secret(f):
			m.Clear(f)
		case f.IsMap():
			if f.MapValue().Message() != nil {
				v.Map().Range(func(_ protoreflect.MapKey, v protoreflect.Value) bool { redact(v.Message()); return true })
			}
		case f.Message() == nil:
		case f.IsList():
			for i := range v.List().Len() {
				redact(v.List().Get(i).Message())
			}
		default:
			redact(v.Message())
		}
		return true
	})
}
