package aggregation

import (
	"slices"
	"strings"

	aggregationv1 "github.com/duban-project/duban/proto/gen/go/duban/aggregation/v1"
)

// Metric is a metric's number, by which figures are stored. A number is never
// used for another metric.
type Metric uint16

// The metrics (指标).
const (
	ProblemsFound       Metric = 1
	ProblemsPlanned     Metric = 2
	ProblemsRectifying  Metric = 3
	ProblemsSubmitted   Metric = 4
	ProblemsClosed      Metric = 5
	ProblemsCancelled   Metric = 6
	ProblemsReturned    Metric = 7
	ProblemsReopened    Metric = 8
	ProblemsOverdue     Metric = 9
	ProblemsClosingRate Metric = 10
	ProblemsOpen        Metric = 11

	TasksDue       Metric = 20
	TasksReceived  Metric = 21
	TasksSubmitted Metric = 22
	TasksApproved  Metric = 23
	TasksReturned  Metric = 24
	TasksOverdue   Metric = 25
	TasksLate      Metric = 26

	LedgersDue            Metric = 30
	LedgersFiled          Metric = 31
	LedgersFiledLate      Metric = 32
	LedgersAcknowledged   Metric = 33
	ItemsMissing          Metric = 34
	LedgersUnacknowledged Metric = 35
	LedgersOverdue        Metric = 36

	ComplaintsReceived       Metric = 40
	ComplaintsAccepted       Metric = 41
	ComplaintsAcceptedInTime Metric = 42
	ComplaintsReplied        Metric = 43
	ComplaintsClosed         Metric = 44
	ComplaintsInTimeRate     Metric = 45
	ComplaintsOverdue        Metric = 46
	ComplaintsRejected       Metric = 47
	ComplaintsDecidedInTime  Metric = 48
	ComplaintsDecisionsDue   Metric = 49

	RoundsPublished Metric = 50
	EvaluationScore Metric = 51
	EvaluationRank  Metric = 52

	InspectionsConcluded Metric = 60

	UnitsReporting Metric = 61
)

const (
	stock   = aggregationv1.Metric_KIND_STOCK
	flow    = aggregationv1.Metric_KIND_FLOW
	overdue = aggregationv1.Metric_KIND_OVERDUE
	ratio   = aggregationv1.Metric_KIND_RATIO
	latest  = aggregationv1.Metric_KIND_LATEST

	more    = aggregationv1.Metric_BETTER_MORE
	less    = aggregationv1.Metric_BETTER_LESS
	neither = aggregationv1.Metric_BETTER_UNSPECIFIED
)

// Definition is what a metric means.
type Definition struct {
	Metric   Metric
	ID       string // the last part of its name
	Kind     aggregationv1.Metric_Kind
	Better   aggregationv1.Metric_Better
	Service  string
	Measure  string
	Zh, En   string
	MeansZh  string
	MeansEn  string
	Over, By Metric // of a ratio
}

// Definitions is every metric there is, in the order that answers have them.
var Definitions = []Definition{
	{ProblemsFound, "problems_found", flow, neither, "rectification", "problem", "发现问题数", "Problems found", "按发现日计的问题数，不含已取消的。", "Problems by the day they were entered, without cancelled ones.", 0, 0},
	{ProblemsOpen, "problems_open", stock, less, "rectification", "problem", "未销号问题数", "Problems open", "尚未销号也未取消的问题数。", "Problems that are neither closed nor cancelled.", 0, 0},
	{ProblemsPlanned, "problems_planned", stock, neither, "rectification", "problem", "已定措施问题数", "Problems planned", "已制定整改措施、尚未开始整改的问题数。", "Problems with measures whose rectification has not begun.", 0, 0},
	{ProblemsRectifying, "problems_rectifying", stock, neither, "rectification", "problem", "整改中问题数", "Problems being rectified", "正在整改的问题数，含退回重改的。", "Problems being rectified, returned ones too.", 0, 0},
	{ProblemsSubmitted, "problems_submitted", stock, neither, "rectification", "problem", "申请销号问题数", "Problems submitted", "已申请销号、尚未销号的问题数，含已核查的。", "Problems submitted for closing and not closed, verified ones too.", 0, 0},
	{ProblemsClosed, "problems_closed", flow, more, "rectification", "problem", "已销号问题数", "Problems closed", "按销号日计的已销号问题数，重新打开的不再计。", "Problems closed, by the day they were; one that is reopened counts no more.", 0, 0},
	{ProblemsCancelled, "problems_cancelled", flow, neither, "rectification", "problem", "已取消问题数", "Problems cancelled", "按取消日计的问题数。", "Problems cancelled, by the day they were.", 0, 0},
	{ProblemsReturned, "problems_returned", flow, less, "rectification", "problem", "退回次数", "Returns", "销号申请被退回的次数。", "How often a submitted problem was returned.", 0, 0},
	{ProblemsReopened, "problems_reopened", flow, less, "rectification", "problem", "重新打开次数", "Reopenings", "回头看中被重新打开的次数。", "How often a closed problem was reopened.", 0, 0},
	{ProblemsOverdue, "problems_overdue", overdue, less, "rectification", "problem", "逾期问题数", "Problems overdue", "整改时限已过、仍未销号的问题数。", "Open problems whose deadline has passed.", 0, 0},
	{ProblemsClosingRate, "problems_closing_rate", ratio, more, "rectification", "milli", "销号率", "Closing rate", "已销号问题数除以发现问题数，千分数。", "Problems closed by problems found, in thousandths.", ProblemsClosed, ProblemsFound},

	{LedgersDue, "ledgers_due", flow, neither, "rectification", "ledger", "应报备台账数", "Ledgers due", "报备时限已到的台账数，按时限日计；时限日之前活动已结束或单位已停用的不计。", "Ledgers to be filed, by the day they are due, but for those whose campaign was closed or unit archived before it.", 0, 0},
	{LedgersFiled, "ledgers_filed", flow, more, "rectification", "ledger", "已报备台账数", "Ledgers filed", "按首次报备日计的台账数；备案前被退回的不计，重新报备后按重新报备日计。", "Ledgers filed, by the day they first were. One that is returned before it is acknowledged does not count until it is filed again, and then by that day.", 0, 0},
	{LedgersFiledLate, "ledgers_filed_late", flow, less, "rectification", "ledger", "逾期报备台账数", "Ledgers filed late", "报备晚于时限的台账数，被退回的以补正时限为准；逾期报备过的，补正后仍计。", "Ledgers filed after they were due, or again after the day by which what was returned is; who was late once still counts.", 0, 0},
	{LedgersAcknowledged, "ledgers_acknowledged", flow, more, "rectification", "ledger", "已备案台账数", "Ledgers acknowledged", "按上级首次备案日计的台账数。", "Ledgers that the superior acknowledged, by the day of the first time.", 0, 0},
	{LedgersOverdue, "ledgers_overdue", overdue, less, "rectification", "ledger", "逾期未报备台账数", "Ledgers overdue", "报备时限已过仍未报备、补正时限已过仍未重新报备的台账数；时限日之前活动已结束或单位已停用的不计。", "Ledgers not filed though they are due, or not filed again though the day of correction has passed, but for those whose campaign was closed or unit archived before it.", 0, 0},
	{LedgersUnacknowledged, "ledgers_unacknowledged", overdue, less, "rectification", "ledger", "逾期未备案台账数", "Ledgers unacknowledged", "备案时限已过、上级仍未备案也未退回的台账数；时限日之前活动已结束或单位已停用的不计。", "Filed ledgers that the superior has neither acknowledged nor returned though the day for that has passed, but for those whose campaign was closed or unit archived before it.", 0, 0},
	{InspectionsConcluded, "inspections_concluded", flow, more, "rectification", "inspection", "已完成督导检查次数", "Inspections concluded", "主办单位已完成的督导检查次数。", "Inspections that the unit has concluded.", 0, 0},

	{TasksDue, "tasks_due", flow, neither, "campaign", "assignment", "到期任务数", "Tasks due", "时限已到的任务数，按时限日计；时限日之前活动已结束或单位已停用的不计。", "Assignments by the day they are due, but for those whose campaign was closed or unit archived before it.", 0, 0},
	{TasksReceived, "tasks_received", flow, more, "campaign", "assignment", "已签收任务数", "Tasks received", "按签收日计的任务数。", "Assignments received, by the day they were.", 0, 0},
	{TasksSubmitted, "tasks_submitted", flow, more, "campaign", "assignment", "已上报任务数", "Tasks submitted", "按上报日计的任务数；被退回的不计，重新上报后按重新上报日计。", "Assignments submitted, by the day they were. One that is returned does not count until it is submitted again, and then by that day.", 0, 0},
	{TasksApproved, "tasks_approved", flow, more, "campaign", "assignment", "已审定任务数", "Tasks approved", "按审定日计的任务数。", "Assignments approved, by the day they were.", 0, 0},
	{TasksReturned, "tasks_returned", flow, less, "campaign", "assignment", "任务退回次数", "Task returns", "任务上报后被退回的次数。", "How often a submitted assignment was returned.", 0, 0},
	{TasksLate, "tasks_late", flow, less, "campaign", "assignment", "迟报任务数", "Tasks late", "上报晚于时限的任务数，被退回的以补正时限为准；迟报过的，补正后仍计。", "Assignments submitted after they were due, or again after the day by which what was returned is; what was late once still counts.", 0, 0},
	{TasksOverdue, "tasks_overdue", overdue, less, "campaign", "assignment", "逾期任务数", "Tasks overdue", "时限已过仍待上报、补正时限已过仍待重新上报的任务数；时限日之前活动已结束或单位已停用的不计。", "Assignments that still await submission though their due date, or of returned ones the day of correction, has passed, but for those whose campaign was closed or unit archived before it.", 0, 0},

	{ItemsMissing, "items_missing", overdue, less, "rectification", "item", "欠报事项数", "Items missing", "报备时限已过仍未报备、补正时限已过仍未重新报备的台账，与时限已过仍未上报、补正时限已过仍未重新上报的任务，合计数。", "Ledgers not filed and assignments not submitted though their due date has passed, or of returned ones the day of correction.", 0, 0},

	{ComplaintsReceived, "complaints_received", flow, neither, "complaint", "complaint", "收到投诉数", "Complaints received", "按收到日计的公开类投诉数，不含举报。", "Complaints of the open types, by the day they came; sealed reports never count.", 0, 0},
	{ComplaintsAccepted, "complaints_accepted", flow, neither, "complaint", "complaint", "受理投诉数", "Complaints accepted", "按受理日计的投诉数。", "Complaints accepted, by the day they were.", 0, 0},
	{ComplaintsAcceptedInTime, "complaints_accepted_in_time", flow, more, "complaint", "complaint", "按时受理投诉数", "Complaints accepted in time", "在时限内受理的投诉数。", "Complaints accepted within the time limit.", 0, 0},
	{ComplaintsRejected, "complaints_rejected", flow, neither, "complaint", "complaint", "不予受理数", "Complaints rejected", "按决定不予受理之日计的投诉数。", "Complaints that were not accepted, by the day of that decision.", 0, 0},
	{ComplaintsDecidedInTime, "complaints_decided_in_time", flow, more, "complaint", "complaint", "按时决定是否受理数", "Complaints decided in time", "在受理时限内决定受理或不予受理的投诉数，按决定日计；没有受理时限的，作出决定即为按时。", "Complaints accepted or rejected within the time limit for that, by the day of the decision; one without a limit is decided in time.", 0, 0},
	{ComplaintsDecisionsDue, "complaints_decisions_due", flow, neither, "complaint", "complaint", "应决定是否受理数", "Complaint decisions due", "已按时决定是否受理的投诉数，按决定日计，与受理时限已过而未按时决定的投诉数，按时限届满次日计，合计数。", "Complaints decided in time, by the day of the decision, and those that were not, by the day after their time limit.", 0, 0},
	{ComplaintsReplied, "complaints_replied", flow, more, "complaint", "complaint", "已答复投诉数", "Complaints replied", "按首次答复日计的投诉数。", "Complaints replied to, by the day of the first reply.", 0, 0},
	{ComplaintsClosed, "complaints_closed", flow, more, "complaint", "complaint", "已办结投诉数", "Complaints closed", "按办结日计的投诉数，重新办理的不再计。", "Complaints closed, by the day they were; one that is reopened counts no more.", 0, 0},
	{ComplaintsOverdue, "complaints_overdue", overdue, less, "complaint", "complaint", "逾期投诉数", "Complaints overdue", "受理时限已过仍未受理、办结时限已过仍未答复的投诉数。", "Complaints whose time limit has passed, to be accepted or to be replied to, and that still await it.", 0, 0},
	{ComplaintsInTimeRate, "complaints_in_time_rate", ratio, more, "complaint", "milli", "按时受理率", "Acceptance in time", "按时决定是否受理数除以应决定是否受理数，千分数；按时不予受理的视为按时，尚未决定、时限也未到的不计。", "Complaints decided in time, accepted or rejected, by those that were decided or whose limit has passed, in thousandths; one that may still be decided in time is in neither.", ComplaintsDecidedInTime, ComplaintsDecisionsDue},

	{RoundsPublished, "rounds_published", flow, more, "evaluation", "round", "已公布评议数", "Rounds published", "主办单位已公布结果的评议轮次数。", "Rounds of evaluation that the unit has published.", 0, 0},
	{EvaluationScore, "evaluation_score", latest, more, "evaluation", "milli", "评议得分", "Evaluation score", "综合得分，千分之一分，不汇总：取有已公布评议的最近一年中，主办单位级别最高者最近一次公布的评议；公布时主办单位不在其上级的，仅在当年别无其他评议时计入。", "The composite, in thousandths of a point, never summed: of the newest year in which a round of it was published, of the highest owner above the unit on the day of publication, the newest round; one of an owner that was not above it counts if that year has no other.", 0, 0},
	{EvaluationRank, "evaluation_rank", latest, less, "evaluation", "rank", "评议名次", "Evaluation rank", "取作评议得分的那次评议中的名次，不汇总。", "The rank in the round whose score counts as the evaluation score; never summed.", 0, 0},

	{UnitsReporting, "units_reporting", stock, neither, "aggregation", "unit", "报送单位数", "Units reporting", "问题数据以上级认可的报表为准、尚无本系统自有记录的单位数：自最早一个报出问题存量的报告期末起计，至自有记录开始之日止；按活动、类别或问题来源分列时同样计全部这样的单位。", "Units whose problems are told by accepted reports and not by records of their own: from the end of the first period of which a report told what stands, until their own records begin; all of them also in a cut by campaign, category or source.", 0, 0},
}

// Name is the metric's resource name.
func (d *Definition) Name() string { return names[d.Metric] }

// Find returns the definition of the metric of that name.
func Find(name string) (*Definition, error) {
	if d := named[name]; d != nil {
		return d, nil
	}
	return nil, ErrMetricUnknown.At("metric", "没有这个指标", "there is no such metric")
}

// Define returns the definition of m, which MUST be one of the constants.
func Define(m Metric) *Definition {
	return numbered[m]
}

// numbered has the definitions at their numbers, names their resource names, and named
// the definitions by these: a status asks for each hundreds of times.
var numbered, names, named = func() (at [Numbers]*Definition, names [Numbers]string, by map[string]*Definition) {
	by = map[string]*Definition{}
	for i := range Definitions {
		d := &Definitions[i]
		at[d.Metric], names[d.Metric] = d, "metrics/"+d.ID
		by[names[d.Metric]] = d
	}
	return at, names, by
}()

// Numbers is larger than every metric's number, and the bits of a Set.
const Numbers = 64

// spans say of which days a figure is, at the end of the definition of every metric of a
// kind of which that is not what a cut's period says.
var spans = map[aggregationv1.Metric_Kind]struct{ zh, en string }{
	overdue: {"为今日（指定截至时刻的，为该日）的数，不随起止日期变化；趋势中各点为其期末当时所知的数。", " As of today, or of the day of as_of, whatever period is asked for; each point of a series is as known at its end."},
	ratio:   {"分子、分母均自最初累计至期末，不随起始日期变化。", " Of all that came until the end of the period, whatever start_date says."},
}

// Metrics returns every metric as the API shows it, in the order of their names.
func Metrics() []*aggregationv1.Metric {
	list := make([]*aggregationv1.Metric, len(Definitions))
	for i, d := range Definitions {
		list[i] = &aggregationv1.Metric{
			Name: d.Name(), DisplayNameZh: d.Zh, DisplayNameEn: d.En,
			DefinitionZh: d.MeansZh + spans[d.Kind].zh, DefinitionEn: d.MeansEn + spans[d.Kind].en,
			Kind: d.Kind, Better: d.Better, UnitOfMeasure: d.Measure, Service: d.Service,
		}
		if d.Kind == ratio {
			list[i].Numerator, list[i].Denominator = Define(d.Over).Name(), Define(d.By).Name()
		}
	}
	slices.SortFunc(list, func(a, b *aggregationv1.Metric) int { return strings.Compare(a.GetName(), b.GetName()) })
	return list
}

// Overdue says whether the metric counts what is open past its due date.
func (d *Definition) Overdue() bool { return d.Kind == overdue }

// Ratio says whether the metric divides one sum by another.
func (d *Definition) Ratio() bool { return d.Kind == ratio }

// Flow says whether the metric counts what came on a day.
func (d *Definition) Flow() bool { return d.Kind == flow }

// Latest says whether the metric is the newest value of the unit itself.
func (d *Definition) Latest() bool { return d.Kind == latest }

// KnownThen says whether what the metric was on another day than today is what was known
// then: nothing is kept of it by day.
func (d *Definition) KnownThen() bool { return d.Kind == overdue || d.Kind == latest }

// Points is how many points a series of the metric has at most. Each that is as known then
// costs what a status as of its moment does.
func (d *Definition) Points() int {
	if d.KnownThen() {
		return 62
	}
	return 400
}

// Set is some metrics.
type Set uint64

// Sums are the metrics that are summed to give the defined ones: a ratio's two,
// and none for a latest value.
func Sums(definitions ...Definition) (all Set) {
	for _, d := range definitions {
		switch d.Kind {
		case ratio:
			all |= 1<<d.Over | 1<<d.By
		case latest:
		default:
			all |= 1 << d.Metric
		}
	}
	return all
}

// Has says whether m is one of them.
func (s Set) Has(m Metric) bool { return s>>m&1 == 1 }

// Any says whether one of them is of the kind that is asks for.
func (s Set) Any(is func(*Definition) bool) bool {
	return slices.ContainsFunc(Definitions, func(d Definition) bool { return s.Has(d.Metric) && is(&d) })
}
