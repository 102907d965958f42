package evaluation

import (
	"fmt"
	"math/big"

	"google.golang.org/protobuf/proto"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

// ToRead are the figures that a closed round takes from the registry: the ratios of
// every unit rated, as of its close. They have no value yet.
func ToRead(r *evaluationv1.Round) (all []*evaluationv1.Measure) {
	for _, subject := range r.GetSubjects() {
		for _, l := range figures(r.GetFrozenScheme()) {
			if l.read() {
				all = append(all, &evaluationv1.Measure{Subject: subject, Indicator: l.GetCode(), Metric: l.GetMetric(), AsOf: r.GetCloseTime()})
			}
		}
	}
	return all
}

// Read is the figure with what it was read as: a share in percent; none of nothing, nor
// if more is said to stand above the line than beneath it.
func Read(m *evaluationv1.Measure, numerator, denominator int64) *evaluationv1.Measure {
	m = proto.CloneOf(m)
	if m.Numerator, m.Denominator = numerator, denominator; numerator >= 0 && numerator <= denominator && denominator != 0 {
		m.Value = round(big.NewRat(whole*numerator, denominator), percent).text
	}
	return m
}

// percent is how shares are rounded.
var percent = &evaluationv1.Rounding{Mode: evaluationv1.Rounding_MODE_HALF_UP, Digits: 1}

// value is a measure and its share of the composite; exact is nil for none.
type value struct {
	*evaluationv1.Measure
	exact, share *big.Rat
}

// place is a figure's: unit and indicator.
type place struct{ subject, indicator string }

// measured sorts what was entered and read by subject, in the order of the scheme.
func measured(r *evaluationv1.Round, beside Beside) (map[string][]value, error) {
	found, given := map[string][]value{}, map[place]*evaluationv1.Measure{}
	for i, m := range beside.Measures {
		at := place{m.GetSubject(), m.GetIndicator()}
		if given[at] != nil {
			return nil, ErrMeasureInvalid.At(fmt.Sprintf("measures[%d]", i), "重复", "is named twice")
		}
		given[at] = m
	}
	read := map[place]*evaluationv1.Measure{}
	for _, m := range beside.Figures {
		read[place{m.GetSubject(), m.GetIndicator()}] = m
	}
	for i, subject := range r.GetSubjects() {
		for _, l := range figures(r.GetFrozenScheme()) {
			at, from := place{subject, l.GetCode()}, given
			if l.read() {
				from = read
			}
			v, ok := l.value(from[at])
			switch {
			case !ok && l.read():
				return nil, fmt.Errorf("%s of %s was not read: %v", l.GetMetric(), subject, read[at])
			case !ok:
				return nil, ErrMeasureInvalid.At("measures", fmt.Sprintf("第 %d 个被评单位的“%s”缺少数值或依据，或超出范围", i+1, l.GetName()),
					l.GetCode()+" of "+subject+" or its basis is missing or out of range")
			}
			found[subject] = append(found[subject], v)
			delete(from, at)
		}
	}
	for i, m := range beside.Measures {
		if given[place{m.GetSubject(), m.GetIndicator()}] == nil {
			continue
		}
		return nil, ErrMeasureInvalid.At(fmt.Sprintf("measures[%d]", i), "不属于本轮的单位或指标，或是由系统统计的指标", "names a unit or indicator that the round does not have, or that is read from the registry")
	}
	return found, nil
}

// value is a measure of the indicator, if it can be one. What was entered has a basis;
// what was read may have no value.
func (l leaf) value(m *evaluationv1.Measure) (v value, ok bool) {
	if l.read() && m != nil && m.GetValue() == "" {
		return value{m, nil, l.share}, true
	}
	milli, ok := thousandths(m.GetValue())
	if !ok || !within(l.scale, milli) || !l.read() && m.GetBasis() == "" {
		return v, false
	}
	if !l.read() {
		m = &evaluationv1.Measure{Subject: m.GetSubject(), Indicator: m.GetIndicator(), Value: m.GetValue(), Basis: m.GetBasis()}
	}
	return value{m, big.NewRat(milli, 1000), l.share}, true
}
