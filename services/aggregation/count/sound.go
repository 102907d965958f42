package count

import (
	"errors"
	"strings"

	"google.golang.org/protobuf/reflect/protopath"
	"google.golang.org/protobuf/reflect/protorange"
	"google.golang.org/protobuf/reflect/protoreflect"
	"google.golang.org/protobuf/types/known/timestamppb"

	feedv1 "github.com/duban-project/duban/proto/gen/go/duban/feed/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

const (
	// firstYear and lastYear are those of which figures are kept.
	firstYear, lastYear = 1970, 2199
	// mostTimes is how often one record may have been returned or reopened.
	mostTimes = 1000
	// mostValue is the largest number that is added up: a million of them are no overflow.
	mostValue = 1e12
)

// sound says whether an entry of a source below has only days, moments and numbers that can
// be counted. No service here writes others, but a log below holds whatever its key signs.
func (s Source) sound(e *feedv1.Entry) error {
	if s.Installation == "" {
		return nil
	}
	if err := moment(e.GetEffective()); err != nil {
		return err
	}
	body, counted, err := read(e)
	if err != nil || !counted || body == nil {
		return err
	}
	return protorange.Range(body.ProtoReflect(), func(p protopath.Values) error {
		step := p.Index(-1)
		if m, ok := step.Value.Interface().(protoreflect.Message); ok {
			if t, ok := m.Interface().(*timestamppb.Timestamp); ok {
				return moment(t)
			}
			return nil
		}
		if step.Step.Kind() != protopath.FieldAccessStep {
			return nil
		}
		return field(string(step.Step.FieldDescriptor().Name()), step.Value.Interface())
	})
}

var (
	errDay    = errors.New("a day that is none, or of which no figures are kept")
	errMoment = errors.New("a moment that is none, or of which no figures are kept")
	errNumber = errors.New("a number that cannot be counted")
	errParts  = errors.New("the name of a campaign in parts")
)

// field says whether a field of that name may have the value.
func field(name string, value any) error {
	switch v := value.(type) {
	case string:
		switch {
		case name == "campaign" && strings.ContainsAny(v, "\x00\x01"):
			return errParts
		case name == "deadline" || name == "date" || strings.HasSuffix(name, "_date"):
			return day(v)
		}
	case int32:
		if (name == "returns" || name == "reopens") && (v < 0 || v > mostTimes) {
			return errNumber
		}
	case int64:
		if v < -mostValue || v > mostValue {
			return errNumber
		}
	}
	return nil
}

func day(s string) error {
	if s == "" {
		return nil
	}
	d, err := calendar.ParseDate(s)
	if err != nil || d.Year() < firstYear || d.Year() > lastYear {
		return errDay
	}
	return nil
}

func moment(t *timestamppb.Timestamp) error {
	year := t.AsTime().Year()
	if t.CheckValid() != nil || year < firstYear || year > lastYear {
		return errMoment
	}
	return nil
}
