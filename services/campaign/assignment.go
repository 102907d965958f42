package campaign

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	blobv1 "github.com/duban-project/duban/proto/gen/go/duban/blob/v1"
	campaignv1 "github.com/duban-project/duban/proto/gen/go/duban/campaign/v1"
	"github.com/duban-project/duban/services/internal/calendar"
	"github.com/duban-project/duban/services/internal/deadline"
	"github.com/duban-project/duban/services/internal/media"
)

// Receive returns a, of the campaign c, as acknowledged (签收).
func Receive(c *campaignv1.Campaign, a *campaignv1.Assignment, now time.Time, who string) (*campaignv1.Assignment, error) {
	a, err := step(c, a, Receiving)
	if err != nil {
		return nil, err
	}
	a.ReceiveTime, a.Receiver = timestamppb.New(now), who
	return a, nil
}

// TakesFiles says whether a takes another file: while the unit works on it.
func TakesFiles(c *campaignv1.Campaign, a *campaignv1.Assignment) error {
	if _, err := step(c, a, Submitting); err != nil {
		if c.GetState() == campaignv1.Campaign_STATE_CLOSED {
			return ErrCampaignClosed
		}
		return ErrTakesNoFiles
	}
	return nil
}

// MaxSubmitters is how many persons submit an assignment, one after the other.
const MaxSubmitters = 200

// Report is what a unit submits (填报).
type Report struct {
	Summary   string
	NilReturn bool // 零报告
	Evidence  []Exhibit
}

// Exhibit is a file as evidence of a kind.
type Exhibit struct {
	Kind string
	File *blobv1.Attachment
}

// Submit returns a with the report. After the day by which it is owed it is taken all
// the same, and marked as late for good.
func Submit(c *campaignv1.Campaign, a *campaignv1.Assignment, r Report, now time.Time, who string) (*campaignv1.Assignment, error) {
	a, err := step(c, a, Submitting)
	if err != nil {
		return nil, err
	}
	if err := suffices(c, a, r); err != nil {
		return nil, err
	}
	a.Summary, a.NilReturn, a.Evidence = r.Summary, r.NilReturn, nil
	for _, e := range r.Evidence {
		a.Evidence = append(a.Evidence, &campaignv1.Evidence{Kind: e.Kind, Attachment: e.File.GetName()})
	}
	by := deadline.SubmittedBy(a)
	a.SubmitTime, a.Late = timestamppb.New(now), a.GetLate() || by != "" && by < calendar.On(now).String()
	return handedInBy(a, who)
}

// Renewed says whether the report differs from what a was submitted with before, if it
// was, of which the evidence is before: in the summary, which may say why the rest
// stands, or in the evidence.
func Renewed(a *campaignv1.Assignment, r Report, before []Exhibit) error {
	same := a.GetSubmitTime() != nil && a.GetNilReturn() == r.NilReturn && words(a.GetSummary()) == words(r.Summary)
	if !same || !maps.Equal(shown(r.Evidence), shown(before)) {
		return nil
	}
	return ErrUnchanged.At("summary", "与被退回的相同", "is what was returned, with the same evidence")
}

// words are a text without its white space.
func words(text string) string { return strings.Join(strings.Fields(text), "") }

// shown are kind and content of evidence.
func shown(evidence []Exhibit) map[[2]string]bool {
	all := map[[2]string]bool{}
	for _, e := range evidence {
		all[[2]string{e.Kind, e.File.GetDigest()}] = true
	}
	return all
}

// handedInBy returns a, which it changes, as submitted by who; everybody who did
// so before is kept.
func handedInBy(a *campaignv1.Assignment, who string) (*campaignv1.Assignment, error) {
	for _, w := range []string{a.GetSubmitter(), who} {
		if w != "" && !slices.Contains(a.GetSubmitters(), w) {
			a.Submitters = append(a.Submitters, w)
		}
	}
	if len(a.GetSubmitters()) > MaxSubmitters {
		return nil, ErrSubmittersFull.With("limit", strconv.Itoa(MaxSubmitters))
	}
	a.Submitter = who
	return a, nil
}

// suffices says whether the report brings what the task, of the campaign c, requires.
func suffices(c *campaignv1.Campaign, a *campaignv1.Assignment, r Report) error {
	if r.NilReturn {
		switch {
		case !a.GetNilAllowed():
			return ErrNilRefused.At("nil_return", "本任务不接受零报告", "is not taken for this task")
		case len(r.Evidence) > 0:
			return ErrNilRefused.At("evidence", "零报告不附材料", "does not go with a nil return")
		}
		return nil
	}
	brought, err := fitting(c, a, r.Evidence)
	if err != nil {
		return err
	}
	for _, need := range a.GetRequired() {
		if brought[need.GetKind()] < need.GetCount() {
			return ErrEvidenceMissing.Say("kind", called(c, need.GetKind()), need.GetKind()).With("count", strconv.Itoa(int(need.GetCount()))).
				At("evidence", "份数不足", "are too few")
		}
	}
	return nil
}

// fitting counts the files of each kind, if every one is of a kind and form that
// the task asks for and none comes twice as the same kind. One file may be
// evidence of several kinds.
func fitting(c *campaignv1.Campaign, a *campaignv1.Assignment, evidence []Exhibit) (map[string]int32, error) {
	brought, seen := map[string]int32{}, map[[2]string]bool{}
	for i, e := range evidence {
		path := fmt.Sprintf("evidence[%d]", i)
		at := slices.IndexFunc(a.GetRequired(), func(r *campaignv1.RequiredEvidence) bool { return r.GetKind() == e.Kind })
		if at < 0 {
			return nil, ErrEvidenceKindUnknown.Say("kind", called(c, e.Kind), e.Kind).At(path+".kind", "本任务不要求此种材料", "is no kind that the task asks for")
		}
		key := [2]string{e.Kind, e.File.GetDigest()}
		if seen[key] {
			return nil, ErrEvidenceUnknown.At(path+".attachment", "同一文件重复引用", "is the same file as one before")
		}
		form, allowed := forms[e.File.GetMediaType()], a.GetRequired()[at].GetMedia()
		if len(allowed) > 0 && !slices.Contains(allowed, form) {
			return nil, ErrEvidenceMedia.Say("kind", called(c, e.Kind), e.Kind).Say("media", formWords[form], form.String()[len("MEDIA_"):]).
				At(path+".attachment", "附件形式不符", "has another form than the kind may have")
		}
		seen[key] = true
		brought[e.Kind]++
	}
	return brought, nil
}

// called is what the campaign c calls a kind of evidence, or its code if c has none.
func called(c *campaignv1.Campaign, kind string) string {
	for _, k := range c.GetEvidenceKinds() {
		if k.GetCode() == kind {
			return k.GetName()
		}
	}
	return kind
}

// forms has the form of each type of file that is taken.
var forms = map[string]campaignv1.EvidenceKind_Media{
	media.PDF:  campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.OFD:  campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.DOCX: campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.DOC:  campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.PPTX: campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.PPT:  campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.Text: campaignv1.EvidenceKind_MEDIA_DOCUMENT,
	media.XLSX: campaignv1.EvidenceKind_MEDIA_SPREADSHEET,
	media.XLS:  campaignv1.EvidenceKind_MEDIA_SPREADSHEET,
	media.CSV:  campaignv1.EvidenceKind_MEDIA_SPREADSHEET,
	media.PNG:  campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.JPEG: campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.GIF:  campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.WebP: campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.BMP:  campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.TIFF: campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.HEIC: campaignv1.EvidenceKind_MEDIA_IMAGE,
	media.MP3:  campaignv1.EvidenceKind_MEDIA_RECORDING,
	media.M4A:  campaignv1.EvidenceKind_MEDIA_RECORDING,
	media.WAV:  campaignv1.EvidenceKind_MEDIA_RECORDING,
	media.MP4:  campaignv1.EvidenceKind_MEDIA_RECORDING,
	media.MOV:  campaignv1.EvidenceKind_MEDIA_RECORDING,
}

var formWords = map[campaignv1.EvidenceKind_Media]string{
	campaignv1.EvidenceKind_MEDIA_DOCUMENT:    "文档",
	campaignv1.EvidenceKind_MEDIA_SPREADSHEET: "表格",
	campaignv1.EvidenceKind_MEDIA_IMAGE:       "图片",
	campaignv1.EvidenceKind_MEDIA_RECORDING:   "音像",
}

// Approve returns a as accepted (审核通过) by who, who is none of those who
// submitted it.
func Approve(c *campaignv1.Campaign, a *campaignv1.Assignment, now time.Time, who string) (*campaignv1.Assignment, error) {
	a, err := review(c, a, Approving, who)
	if err != nil {
		return nil, err
	}
	a.ApproveTime = timestamppb.New(now)
	return a, nil
}

// Refusal is why a superior does not take what was submitted.
type Refusal struct {
	Reason string
	Who    string // none of those who submitted it
	Time   time.Time
}

// Return returns a as sent back (退回), to be submitted again by its correction_due_date,
// which the days give.
func Return(c *campaignv1.Campaign, a *campaignv1.Assignment, r Refusal, days *calendar.Calendar) (*campaignv1.Assignment, error) {
	a, err := review(c, a, Returning, r.Who)
	if err != nil {
		return nil, err
	}
	turn := deadline.Turn{HandedIn: calendar.On(a.GetSubmitTime().AsTime()), Returned: calendar.On(r.Time)}
	setCorrectionDay(a, deadline.Correction(deadline.Day{Date: a.GetDueDate()}, correctionDay(a), turn, days))
	a.ReturnReason = r.Reason
	a.Returns++
	return a, nil
}

// review makes the move m, which another person makes than any who submitted a.
func review(c *campaignv1.Campaign, a *campaignv1.Assignment, m Step, who string) (*campaignv1.Assignment, error) {
	a, err := step(c, a, m)
	switch {
	case err != nil:
		return nil, err
	case a.GetSubmitter() == who, slices.Contains(a.GetSubmitters(), who):
		return nil, ErrSamePerson
	}
	a.Reviewer = who
	return a, nil
}
