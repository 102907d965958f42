package deadline

// lapsing is a record that may fall due no more: as its campaign was closed, or its unit
// archived, on a day. A day of a record is YYYY-MM-DD, or "" if there is none.
type lapsing interface {
	GetCampaignCloseDate() string
	GetUnitArchiveDate() string
	GetCorrectionDueDate() string // since it was returned (补正时限)
}

// Ledger is what the days of a rectification ledger (整改台账) hang on.
type Ledger interface {
	lapsing
	GetFilingDueDate() string
	GetAcknowledgeDueDate() string
	GetVersion() int32
	GetAcknowledgedVersion() int32
	GetReturnReason() string
}

// Filed says whether a filing (报备) of the ledger stands: one that was acknowledged, or
// that the superior has not returned.
func Filed(l Ledger) bool {
	return l.GetVersion() > 0 && (l.GetAcknowledgedVersion() > 0 || l.GetReturnReason() == "")
}

// FiledBy is the day by which the ledger is filed, or filed again as it was returned, or ""
// if it need not be: it was, or that never falls due. What was due before its campaign
// closed is still put right after it.
func FiledBy(l Ledger) string {
	due := Fallen(l.GetFilingDueDate(), l.GetCampaignCloseDate())
	if Filed(l) || due == "" {
		return ""
	}
	return Fallen(max(due, l.GetCorrectionDueDate()), l.GetUnitArchiveDate())
}

// AnsweredBy is the day by which the superior answers what was filed of the ledger (备案时限),
// or "" if nothing awaits an answer, or that never falls due.
func AnsweredBy(l Ledger) string {
	return Fallen(l.GetAcknowledgeDueDate(), l.GetCampaignCloseDate(), l.GetUnitArchiveDate())
}

// Task is what the days of a unit's task (任务) hang on.
type Task interface {
	lapsing
	GetDueDate() string
}

// SubmittedBy is the day by which the task is submitted, or submitted again as it was
// returned, or "" if that never falls due.
func SubmittedBy(t Task) string {
	return Fallen(max(t.GetDueDate(), t.GetCorrectionDueDate()), t.GetCampaignCloseDate(), t.GetUnitArchiveDate())
}

// TakenUpBy is the day by which a complaint (投诉) that nobody has accepted is taken up:
// decided on (受理时限), or finished (办结时限) where that ends first, or alone, as in packs
// that count it from the day it came; "" if it has neither.
func TakenUpBy(decide, finish string) string {
	if decide == "" || finish != "" && finish < decide {
		return finish
	}
	return decide
}

// Fallen is the day on which something falls due, or "" if one of the ends came before
// it: then it never does. What is due on the day of an end is due. An empty end is none,
// and an empty day stays so.
func Fallen(day string, ends ...string) string {
	for _, end := range ends {
		if end != "" && end < day {
			return ""
		}
	}
	return day
}
