package dated

import (
	"fmt"
	"slices"
	"strings"
	"sync"
	"time"

	"google.golang.org/genproto/googleapis/api/annotations"
	"google.golang.org/protobuf/encoding/protowire"
	"google.golang.org/protobuf/proto"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/reflect/protoregistry"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
)

// moment is when something happened to a record, as its service has set it.
type moment struct {
	field   protoreflect.FullName
	seconds int64
	nanos   int32
}

func (m moment) time() time.Time { return time.Unix(m.seconds, int64(m.nanos)).UTC() }

// moments yields those that the entry's record has, as often as they stand in it: none if
// the subject is gone, or of a kind that is not known here. They are read off the bytes, as a
// run of entries has many records, and hardly one of them is to be decoded.
func moments(e *feedv1.Entry, yield func(moment)) error {
	body := e.GetBody()
	kind, err := protoregistry.GlobalTypes.FindMessageByName(body.MessageName())
	if err != nil {
		return nil
	}
	return planOf(kind.Descriptor()).read(body.GetValue(), yield)
}

// plan says where in an encoded message moments stand, by the numbers of its fields.
type plan map[protowire.Number]step

// step is one field: a moment, or a message that may have some.
type step struct {
	moment protoreflect.FullName // empty: it is none
	below  plan
}

var plans sync.Map // by full name → plan; never changed once there

func planOf(md protoreflect.MessageDescriptor) plan {
	if p, there := plans.Load(md.FullName()); there {
		return p.(plan)
	}
	p := planner{}.plan(md, false)
	plans.Store(md.FullName(), p)
	return p
}

// planner has the plans that are being made, as messages may have themselves within: by full
// name and whether a service alone sets what is in them.
type planner map[protoreflect.FullName]map[bool]plan

func (made planner) plan(md protoreflect.MessageDescriptor, set bool) plan {
	if p := made[md.FullName()][set]; p != nil {
		return p
	}
	if made[md.FullName()] == nil {
		made[md.FullName()] = map[bool]plan{}
	}
	p := plan{}
	made[md.FullName()][set] = p
	for i := range md.Fields().Len() {
		field := md.Fields().Get(i)
		set := set || outputOnly(field)
		switch m := field.Message(); {
		case m == nil:
		case m.FullName() != (*timestamppb.Timestamp)(nil).ProtoReflect().Descriptor().FullName():
			p[field.Number()] = step{below: made.plan(m, set)}
		case set && strings.HasSuffix(string(field.Name()), "time"): // as_of is as of when something was read
			p[field.Number()] = step{moment: field.FullName()}
		}
	}
	return p
}

// outputOnly says whether nobody but the service sets the field.
func outputOnly(field protoreflect.FieldDescriptor) bool {
	behavior, _ := proto.GetExtension(field.Options(), annotations.E_FieldBehavior).([]annotations.FieldBehavior)
	return slices.Contains(behavior, annotations.FieldBehavior_OUTPUT_ONLY)
}

func (p plan) read(b []byte, yield func(moment)) error {
	for len(b) > 0 {
		number, kind, n := protowire.ConsumeTag(b)
		if n < 0 {
			return fmt.Errorf("reading a record: %w", protowire.ParseError(n))
		}
		size := protowire.ConsumeFieldValue(number, kind, b[n:])
		if size < 0 {
			return fmt.Errorf("reading a record: %w", protowire.ParseError(size))
		}
		if s, there := p[number]; there && kind == protowire.BytesType {
			value, _ := protowire.ConsumeBytes(b[n:])
			if err := s.read(value, yield); err != nil {
				return err
			}
		}
		b = b[n+size:]
	}
	return nil
}

func (s step) read(b []byte, yield func(moment)) error {
	if s.moment == "" {
		return s.below.read(b, yield)
	}
	t := &timestamppb.Timestamp{}
	if err := proto.Unmarshal(b, t); err != nil {
		return fmt.Errorf("reading %s: %w", s.moment, err)
	}
	yield(moment{s.moment, t.GetSeconds(), t.GetNanos()})
	return nil
}
