package reported

import (
	"fmt"
	"maps"
	"regexp"
	"slices"
	"time"
)

var periods = regexp.MustCompile(`^\d{4}(-(Q[1-4]|H[12]|\d\d))?$`)

// months lists those of a period, as it is written; none of what is no period.
func months(period string) (list []string) {
	if !periods.MatchString(period) {
		return nil
	}
	year, part := period[:4], ""
	if len(period) > 5 {
		part = period[5:]
	}
	first, n := 1, 12
	switch {
	case part != "" && part[0] == 'Q':
		first, n = 3*int(part[1]-'1')+1, 3
	case part != "" && part[0] == 'H':
		first, n = 6*int(part[1]-'1')+1, 6
	case part != "":
		return []string{period}
	}
	for m := first; m < first+n; m++ {
		list = append(list, fmt.Sprintf("%s-%02d", year, m))
	}
	return list
}

// lastMonth is that of a period, or "".
func lastMonth(period string) string {
	list := months(period)
	if len(list) == 0 {
		return ""
	}
	return list[len(list)-1]
}

func lastDay(month string) string {
	t, err := time.Parse("2006-01", month)
	if err != nil {
		return ""
	}
	return t.AddDate(0, 1, 0).AddDate(0, 0, -1).Format("2006-01-02")
}

// changes are those at the ends of months that say so much of a metric.
func changes(metric string, said map[string]int64) map[string]int64 {
	all, level := map[string]int64{}, int64(0)
	for _, month := range slices.Sorted(maps.Keys(said)) {
		all[lastDay(month)] += said[month] - level
		if stocks[metric] {
			level = said[month]
		}
	}
	return all
}
