package evaluation

import (
	"errors"
	"fmt"
	"math/big"
	"regexp"
	"slices"
	"strconv"
	"strings"

	evaluationv1 "github.com/duban-project/duban/proto/gen/go/duban/evaluation/v1"
)

const (
	whole     = 100 // percent of the weights of siblings
	maxDigits = 3   // decimals, of scores and of rounded figures
	maxPoints = 4_000
	maxLeaves = 20 // of either kind: a request has at most 4,000 answers about 200 units
)

var (
	codeShape = regexp.MustCompile(`^[a-z][a-z0-9_]{0,31}$`)
	idShape   = regexp.MustCompile(`^[a-z][a-z0-9-]{0,62}$`)

	metricShape = regexp.MustCompile(`^metrics/[a-z][a-z0-9_]{0,62}$`)

	versionShape = regexp.MustCompile(`^[0-9]{1,6}([.][0-9]{1,6}){0,2}$`)
)

// Newer says whether a is a later version than b, which may be nil.
func Newer(a, b *evaluationv1.EvaluationScheme) bool {
	return b == nil || slices.Compare(numbers(a.GetVersion()), numbers(b.GetVersion())) > 0
}

func numbers(version string) (list []int) {
	for part := range strings.SplitSeq(version, ".") {
		n, _ := strconv.Atoi(part) // CheckScheme passes nothing else
		list = append(list, n)
	}
	return list
}

// leaf is an indicator that has a value of its own.
type leaf struct {
	*evaluationv1.Indicator
	scale *evaluationv1.Scale
	share *big.Rat // of the composite
}

// leaves returns the indicators with values, in the order of the scheme.
func leaves(s *evaluationv1.EvaluationScheme, from ...evaluationv1.Indicator_From) (found []leaf) {
	var walk func([]*evaluationv1.Indicator, *big.Rat)
	walk = func(siblings []*evaluationv1.Indicator, share *big.Rat) {
		for _, in := range siblings {
			own := new(big.Rat).Mul(share, big.NewRat(int64(in.GetWeight()), whole))
			if slices.Contains(from, in.GetFrom()) && len(in.GetChildren()) == 0 {
				found = append(found, leaf{in, scaleOf(s, in.GetScale()), own})
			}
			walk(in.GetChildren(), own)
		}
	}
	walk(s.GetIndicators(), big.NewRat(1, 1))
	return found
}

// figures are the indicators that no ballot answers.
func figures(s *evaluationv1.EvaluationScheme) []leaf {
	return leaves(s, evaluationv1.Indicator_FROM_METRIC, evaluationv1.Indicator_FROM_ENTERED)
}

// read says whether the registry tells the figure (系统统计). What rounds were drafted by
// before their schemes named metrics of the registry is entered.
func (l leaf) read() bool { return strings.HasPrefix(l.GetMetric(), "metrics/") }

func scaleOf(s *evaluationv1.EvaluationScheme, code string) *evaluationv1.Scale {
	i := slices.IndexFunc(s.GetScales(), func(c *evaluationv1.Scale) bool { return c.GetCode() == code })
	if i < 0 {
		return nil
	}
	return s.GetScales()[i]
}

// CheckScheme returns everything that is wrong with a scheme, or nil: rounds are
// made only by schemes that it passes.
func CheckScheme(s *evaluationv1.EvaluationScheme) error {
	c := &checker{scheme: s}
	c.wrong(!idShape.MatchString(s.GetId()), "id %q", s.GetId())
	c.wrong(s.GetName() != "evaluationSchemes/"+s.GetId(), "name %q", s.GetName())
	c.wrong(!versionShape.MatchString(s.GetVersion()), "version %q", s.GetVersion())
	c.wrong(s.GetDisplayName().GetZh() == "" || s.GetDisplayName().GetEn() == "", "no display_name in both languages")
	c.wrong(s.GetLeastBallots() < 1, "least_ballots %d", s.GetLeastBallots())
	c.wrong(s.GetTrimPercent() < 0 || s.GetTrimPercent() > 49, "trim_percent %d", s.GetTrimPercent())
	c.wrong(s.GetUnanswered() == 0, "no unanswered")
	c.wrong(s.GetPublish() == 0, "no publish")
	c.wrong(s.GetRounding().GetMode() == 0, "no rounding.mode")
	c.wrong(s.GetRounding().GetDigits() < 0 || s.GetRounding().GetDigits() > maxDigits, "rounding.digits %d", s.GetRounding().GetDigits())
	c.wrong(s.GetRanking().GetTies() == 0, "no ranking.ties")
	c.scales()
	c.indicators()
	c.groups()
	c.grades()
	c.satisfaction()
	return errors.Join(c.errs...)
}

type checker struct {
	scheme *evaluationv1.EvaluationScheme
	errs   []error
}

func (c *checker) wrong(is bool, format string, args ...any) {
	if is {
		c.errs = append(c.errs, fmt.Errorf(format, args...))
	}
}

// codes refuses codes that are no words or not unique.
func (c *checker) codes(what string, codes []string) {
	seen := map[string]bool{}
	for _, code := range codes {
		c.wrong(!codeShape.MatchString(code), "%s: the code %q is no word", what, code)
		c.wrong(seen[code], "%s: the code %q is there twice", what, code)
		seen[code] = true
	}
}

// coded is what most parts of a scheme have.
type coded interface{ GetCode() string }

func codesOf[T coded](list []T) (codes []string) {
	for _, e := range list {
		codes = append(codes, e.GetCode())
	}
	return codes
}

func (c *checker) scales() {
	c.codes("scales", codesOf(c.scheme.GetScales()))
	for _, s := range c.scheme.GetScales() {
		c.codes("scale "+s.GetCode(), codesOf(s.GetOptions()))
		if s.GetKind() != evaluationv1.Scale_KIND_SATISFACTION {
			c.wrong(s.GetKind() == 0, "scale %s has no kind", s.GetCode())
			c.wrong(len(s.GetOptions()) > 0, "scale %s has options", s.GetCode())
			c.wrong(s.GetMin() < 0 || s.GetMin() >= s.GetMax() || s.GetMax() > maxPoints, "scale %s is from %d to %d", s.GetCode(), s.GetMin(), s.GetMax())
			continue
		}
		c.wrong(len(s.GetOptions()) < 2, "scale %s has no choice", s.GetCode())
		for _, o := range s.GetOptions() {
			c.wrong(o.GetPoints() < 0 || o.GetPoints() > maxPoints, "option %s has %d points", o.GetCode(), o.GetPoints())
			c.wrong(o.GetExcluded() && o.GetPoints() != 0, "option %s is excluded and has points", o.GetCode())
		}
	}
}

func (c *checker) indicators() {
	var all []string
	c.siblings("indicators", c.scheme.GetIndicators(), &all)
	for _, in := range c.scheme.GetIndicators() {
		if len(in.GetChildren()) == 0 {
			c.leaf(in)
			continue
		}
		c.wrong(in.GetFrom() != 0 || in.GetScale() != "", "indicator %s has children and a value", in.GetCode())
		c.siblings("indicator "+in.GetCode(), in.GetChildren(), &all)
		for _, child := range in.GetChildren() {
			c.wrong(len(child.GetChildren()) > 0, "indicator %s lies too deep", child.GetCode())
			c.leaf(child)
		}
	}
	c.codes("indicators", all)
	asked, measured := leaves(c.scheme, evaluationv1.Indicator_FROM_BALLOT), figures(c.scheme)
	c.wrong(len(asked) == 0, "nothing is from ballots")
	c.wrong(len(asked) > maxLeaves || len(measured) > maxLeaves, "%d indicators from ballots and %d measured", len(asked), len(measured))
}

func (c *checker) siblings(what string, list []*evaluationv1.Indicator, all *[]string) {
	sum := int32(0)
	for _, in := range list {
		*all = append(*all, in.GetCode())
		c.wrong(in.GetWeight() < 1, "indicator %s weighs %d", in.GetCode(), in.GetWeight())
		sum += in.GetWeight()
	}
	c.wrong(sum != whole, "%s: weights sum to %d", what, sum)
}

func (c *checker) leaf(in *evaluationv1.Indicator) {
	scale, metric := scaleOf(c.scheme, in.GetScale()), in.GetFrom() == evaluationv1.Indicator_FROM_METRIC
	figure := metric || in.GetFrom() == evaluationv1.Indicator_FROM_ENTERED
	c.wrong(scale == nil, "indicator %s has no scale %q", in.GetCode(), in.GetScale())
	c.wrong(in.GetFrom() == 0, "indicator %s has no from", in.GetCode())
	c.wrong(metric != metricShape.MatchString(in.GetMetric()) || !metric && in.GetMetric() != "", "indicator %s: from %s and metric %q", in.GetCode(), in.GetFrom(), in.GetMetric())
	c.wrong(figure != (scale.GetKind() == evaluationv1.Scale_KIND_RATE), "indicator %s: from %s and a scale of %s", in.GetCode(), in.GetFrom(), scale.GetKind())
}

func (c *checker) groups() {
	sum := int32(0)
	c.codes("groups", codesOf(c.scheme.GetGroups()))
	for _, g := range c.scheme.GetGroups() {
		c.wrong(g.GetWeight() < 1, "group %s weighs %d", g.GetCode(), g.GetWeight())
		sum += g.GetWeight()
	}
	c.wrong(sum != whole, "groups: weights sum to %d", sum)
}

func (c *checker) grades() {
	grades := c.scheme.GetGrades()
	c.codes("grades", codesOf(grades))
	for i, g := range grades {
		c.wrong(i > 0 && g.GetAtLeast() >= grades[i-1].GetAtLeast(), "grade %s does not follow in order", g.GetCode())
	}
	c.wrong(len(grades) > 0 && grades[len(grades)-1].GetAtLeast() != 0, "the lowest grade is not from 0")
	c.codes("vetoes", codesOf(c.scheme.GetVetoes()))
	for _, v := range c.scheme.GetVetoes() {
		for _, bar := range v.GetBars() {
			at := slices.Index(codesOf(grades), bar)
			c.wrong(at < 0 || at == len(grades)-1, "veto %s bars %q, which is no grade or the last", v.GetCode(), bar)
		}
	}
}

func (c *checker) satisfaction() {
	rate := c.scheme.GetSatisfactionRate()
	if rate == nil {
		return
	}
	c.wrong(rate.GetDenominator() == 0 || len(rate.GetNumerator()) == 0, "satisfaction_rate is a share of nothing or has no numerator")
	for _, l := range leaves(c.scheme, evaluationv1.Indicator_FROM_BALLOT) {
		for _, code := range rate.GetNumerator() {
			satisfied := func(o *evaluationv1.Option) bool { return o.GetCode() == code && !o.GetExcluded() }
			c.wrong(!slices.ContainsFunc(l.scale.GetOptions(), satisfied), "satisfaction_rate: %s is no valid option of %s", code, l.GetCode())
		}
	}
}
