package wire

import (
	"cmp"
	"strconv"
	"unicode/utf8"

	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/reflect/protoreflect"

	faultv1 "github.com/duban-project/duban/proto/gen/go/duban/fault/v1"
	"github.com/duban-project/duban/services/internal/fault"
)

var (
	errFields    = fault.Of(faultv1.Reason_REASON_FIELDS_INVALID)
	errMalformed = fault.Of(faultv1.Reason_REASON_BODY_MALFORMED)
)

// depth is how many messages within each other are looked into.
const depth = 64

// refusal says at which field bytes that are no message of that kind have a text that is
// no UTF-8 or, if there is none, up to which they can be read.
func refusal(b []byte, of protoreflect.MessageDescriptor) *fault.Fault {
	at, text := broken(b, of, depth)
	if text {
		return errFields.At(at, "不是 UTF-8 编码", "it is not UTF-8").By("encoding")
	}
	zh, en := "不是此接口的 Protobuf 消息", "it is no protobuf message of this method"
	return errMalformed.Say("problem", zh, en).At(cmp.Or(at, "body"), zh, en).By("syntax")
}

// broken is the path of the first field that cannot be read, or "" if it is not known,
// and whether it is a text that is no UTF-8.
func broken(b []byte, of protoreflect.MessageDescriptor, levels int) (at string, text bool) {
	read := map[protoreflect.FieldDescriptor]int{} // items of lists
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return "", false
		}
		field := of.Fields().ByNumber(number)
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if at = ""; field != nil {
			at = place(field, read[field])
			read[field]++
		}
		if size < 0 {
			return at, false
		}
		if value, size := protowire.ConsumeBytes(b[n:]); field != nil && kind == protowire.BytesType && size > 0 {
			switch {
			case field.Kind() == protoreflect.StringKind && !utf8.Valid(value):
				return at, true
			case field.Message() != nil && levels > 0:
				if below, text := broken(value, field.Message(), levels-1); below != "" || text {
					return within(field, at, below), text
				}
			}
		}
		b = b[n+size:]
	}
	return "", false
}

// place is a field, or that item of it.
func place(field protoreflect.FieldDescriptor, item int) string {
	if field.IsList() {
		return string(field.Name()) + "[" + strconv.Itoa(item) + "]"
	}
	return string(field.Name())
}

// within is the path of what stands in a field: of what stands in a map, the map.
func within(field protoreflect.FieldDescriptor, at, below string) string {
	if field.IsMap() || below == "" {
		return at
	}
	return at + "." + below
}
