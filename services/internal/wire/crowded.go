package wire

import (
	"math"
	"strconv"

	"buf.build/gen/go/bufbuild/protovalidate/protocolbuffers/go/buf/validate"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"

	"github.com/duban-project/duban/services/internal/fault"
)

// crowded is the fault that names the first list with more items than the contract lets
// it have, or nil. It looks at lists whose items are messages or texts.
func crowded(b []byte, of protoreflect.MessageDescriptor, levels int) *fault.Fault {
	at, most := crowd(b, of, levels)
	if at == "" {
		return nil
	}
	n := strconv.FormatUint(most, 10)
	return errFields.At(at, "最多 "+n+" 项", "must have at most "+n+" items").By("repeated.max_items")
}

// crowd is the path of that list, and how many items it may have.
func crowd(b []byte, of protoreflect.MessageDescriptor, levels int) (at string, most uint64) {
	read := map[protoreflect.FieldDescriptor]uint64{}
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return "", 0
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return "", 0
		}
		if field := of.Fields().ByNumber(number); field != nil && kind == protowire.BytesType {
			item := read[field]
			if read[field]++; field.IsList() && !field.IsPacked() && read[field] > maxItems(field) {
				return string(field.Name()), maxItems(field)
			}
			if value, _ := protowire.ConsumeBytes(b[n:]); field.Message() != nil && levels > 0 {
				if below, most := crowd(value, field.Message(), levels-1); below != "" {
					return within(field, place(field, int(item)), below), most
				}
			}
		}
		b = b[n+size:]
	}
	return "", 0
}

// maxItems is how many items the contract lets a list have.
func maxItems(f protoreflect.FieldDescriptor) uint64 {
	rules, _ := proto.GetExtension(f.Options(), validate.E_Field).(*validate.FieldRules)
	if list := rules.GetRepeated(); list.HasMaxItems() {
		return list.GetMaxItems()
	}
	return math.MaxUint64
}
