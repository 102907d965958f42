package aggregation

import (
	"crypto/sha256"
	"encoding/hex"
	"strconv"
	"strings"

	"google.golang.org/protobuf/proto"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
	"github.com/duban-project/duban/services/internal/calendar"
)

// Targets is how many targets a unit has at most.
const Targets = 100

// targetYears is how many years from the day on which it is set a target begins and ends at
// most: a five-year plan (五年规划) is set a year before it begins, and nobody can take a
// mistyped one away.
const targetYears = 6

// TargetName is the name of the target of a unit's metric, campaign and period.
func TargetName(t *aggregationv1.Target) string {
	return "targets/" + idOf(t.GetUnit(), t.GetMetric(), t.GetCampaign(), t.GetStartDate(), t.GetEndDate())
}

// idOf makes an id of parts that have no id of their own.
func idOf(parts ...string) string {
	sum := sha256.Sum256([]byte(strings.Join(parts, "\x00")))
	return hex.EncodeToString(sum[:16])
}

// NewTarget returns the target that is set (下达), which is the unit's had-th but
// one, by a person in the name of a unit, today.
func NewTarget(asked *aggregationv1.Target, had int, setter, unit, today string) (*aggregationv1.Target, error) {
	d, err := Find(asked.GetMetric())
	switch {
	case err != nil:
		return nil, ErrMetricUnknown.At("target.metric", "没有这个指标", "there is no such metric")
	case d.Latest():
		return nil, ErrNoTargets.At("target.metric", "该指标不汇总", "is never summed")
	case asked.GetStartDate() > asked.GetEndDate():
		return nil, ErrTargetPeriod.At("target.start_date", "晚于截止日期", "comes after the end")
	case !calendar.Near(asked.GetStartDate(), today, targetYears, targetYears):
		return nil, ErrTargetPeriod.At("target.start_date", "与今天相距六年以上", "is more than six years from today")
	case !calendar.Near(asked.GetEndDate(), today, targetYears, targetYears):
		return nil, ErrTargetPeriod.At("target.end_date", "与今天相距六年以上", "is more than six years from today")
	case had >= Targets:
		return nil, ErrTargetsTooMany.With("limit", strconv.Itoa(Targets))
	}
	t := proto.CloneOf(asked)
	t.Name, t.Setter, t.SetterUnit = TargetName(asked), setter, unit
	return t, nil
}

// Covers says whether a target belongs to the status of a campaign, or of all,
// at the end of a day.
func Covers(t *aggregationv1.Target, campaign, day string) bool {
	return t.GetStartDate() <= day && day <= t.GetEndDate() && (campaign == "" || t.GetCampaign() == campaign)
}

// Progress says how far a figure has come towards a target.
func Progress(t *aggregationv1.Target, f *aggregationv1.Figure) *aggregationv1.TargetProgress {
	p := &aggregationv1.TargetProgress{Target: t, Value: f.GetValue(), Provisional: f.GetProvisional(), Partial: f.GetPartial()}
	if goal := t.GetGoal(); goal > 0 {
		p.ProgressMilli = Share(p.GetValue(), goal)
	}
	p.Met = p.GetValue() >= t.GetGoal()
	if t.GetDirection() == aggregationv1.Target_DIRECTION_AT_MOST {
		p.Met = p.GetValue() <= t.GetGoal()
	}
	if d, err := Find(t.GetMetric()); err != nil || !Ranked(d, f) {
		p.Met = false // neither a ratio of nothing nor what is unknown reaches a goal
	}
	return p
}
