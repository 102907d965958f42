package change

import (
	"strconv"
	"strings"

	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"
)

// fresh compares the etag of the request and the If-Match header with the
// record's.
func (tx *Tx) fresh(at At, etag string) error {
	switch asked := at.GetEtag(); {
	case asked != "" && asked != etag:
		return ErrEtagStale.At(tx.etagPath(at), "不是当前的 etag", "is not the etag that it has now")
	case !matches(header(tx.ctx, "if-match"), etag):
		return errUnmatched
	default:
		return nil
	}
}

// etagPath is where the request has its etag: in a field of its own, or of the
// resource that it brings.
func (tx *Tx) etagPath(at At) string {
	path := "etag"
	if tx.req == nil {
		return path
	}
	tx.req.ProtoReflect().Range(func(f protoreflect.FieldDescriptor, v protoreflect.Value) bool {
		if f.Kind() == protoreflect.MessageKind && f.Cardinality() != protoreflect.Repeated && any(v.Message().Interface()) == any(at) {
			path = string(f.Name()) + ".etag"
		}
		return true
	})
	return path
}

// matches holds a record's etag against If-Match (RFC 9110, section 13.1.1): any
// of a list may be it, * is any, and a weak one never matches. Our etags hold no
// comma, so that cutting there finds them.
func matches(match, etag string) bool {
	if match == "" || match == "*" {
		return true
	}
	for one := range strings.SplitSeq(match, ",") {
		if strings.Trim(one, " \t") == `"`+etag+`"` {
			return true
		}
	}
	return false
}

// stamp sets what every resource has and no rule decides.
func stamp(m protoreflect.Message, rev uint64, now *timestamppb.Timestamp) {
	fields := m.Descriptor().Fields()
	set := func(name protoreflect.Name, v protoreflect.Value) {
		if f := fields.ByName(name); f != nil {
			m.Set(f, v)
		}
	}
	set("etag", protoreflect.ValueOfString(strconv.FormatUint(rev, 10)))
	set("update_time", protoreflect.ValueOfMessage(now.ProtoReflect()))
	if rev == 1 {
		set("create_time", protoreflect.ValueOfMessage(now.ProtoReflect()))
	}
}
