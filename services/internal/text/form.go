package text

import "strings"

// words is the same in Chinese and in English.
type words struct{ zh, en string }

// forms are the patterns of the contract that are no names of resources, without
// what marks their start and end.
var forms = map[string]words{
	`[A-Z][A-Z0-9_]{0,31}`:  {"大写字母开头的代码，只含大写字母、数字和下划线，最多 32 个字符", "a code of at most 32 of A-Z, 0-9 and underscore that starts with a letter"},
	`[A-Z][A-Z0-9_-]{0,31}`: {"大写字母开头的代码，只含大写字母、数字、下划线和连字符，最多 32 个字符", "a code of at most 32 of A-Z, 0-9, underscore and hyphen that starts with a letter"},
	`[A-Z][A-Z0-9]{0,15}`:   {"大写字母开头的代码，只含大写字母和数字，最多 16 个字符", "a code of at most 16 of A-Z and 0-9 that starts with a letter"},
	`[A-Z_]{0,40}`:          {"大写字母和下划线，最多 40 个字符", "at most 40 of A-Z and underscore"},
	`[a-z][a-z0-9_]{0,31}`:  {"小写字母开头的代码，只含小写字母、数字和下划线，最多 32 个字符", "a code of at most 32 of a-z, 0-9 and underscore that starts with a letter"},
	`[a-z][a-z0-9_.-]{0,31}`: {
		"小写字母开头，只含小写字母、数字、下划线、点和连字符，最多 32 个字符",
		"at most 32 of a-z, 0-9, underscore, dot and hyphen, starting with a letter",
	},
	`[a-z0-9][a-z0-9-]{0,62}`:                {"小写字母、数字和连字符，最多 63 个字符，且不以连字符开头", "1 to 63 of a-z, 0-9 and hyphen, not starting with a hyphen"},
	`[a-z]{1,32}:(read|write)`:               {"调用范围，格式为 {服务}:read 或 {服务}:write，如 aggregation:read", "a scope, {service}:read or {service}:write, such as aggregation:read"},
	`[0-9a-f]{64}`:                           {"SHA-256 摘要，64 位小写十六进制", "a SHA-256 digest of 64 lower case hexadecimal digits"},
	`[0-9]{1,6}([.][0-9]{1,3})?`:             {"不超过 6 位的数，小数最多 3 位，如 95.5", "a number below a million with at most three decimals, such as 95.5"},
	`[0-9]{4}-(0[1-9]|1[0-2])`:               {"月份，格式为 YYYY-MM", "a month, YYYY-MM"},
	`([a-z]+\.)([a-z_]+\.){0,2}(\*|v[0-9]+)`: {"事件类型，如 rectification.problem.closed.v1，或以 .* 结尾的前缀", "a type of event, such as rectification.problem.closed.v1, or the start of one that ends in .*"},
	`[^\x00*]*`:                              {"不含星号和空字符的文字", "text without asterisks and null characters"},
	`[0-9]{4}(-(0[1-9]|1[0-2]|Q[1-4]|H[12]))?`: {
		"年、半年、季度或月份，格式为 2026、2026-H1、2026-Q3 或 2026-09",
		"a year, half, quarter or month, such as 2026, 2026-H1, 2026-Q3 or 2026-09",
	},
	`(units/[a-z0-9-]{1,63}/members|machines)/[a-z0-9][a-z0-9-]{0,62}`: {
		"人员或系统账号名称，格式为 units/{编号}/members/{编号} 或 machines/{编号}",
		"the name of a member or a machine, units/{id}/members/{id} or machines/{id}",
	},
}

// names turns the pattern of a resource's name into what clients write.
var names = struct{ zh, en *strings.Replacer }{naming("编号", "序号"), naming("id", "number")}

func naming(id, number string) *strings.Replacer {
	id, number = "{"+id+"}", "{"+number+"}"
	pairs := []string{
		`([a-z0-9][a-z0-9-]{0,62}(~[a-z0-9][a-z0-9-]{0,62})?[.])?`, "", `([a-z0-9][a-z0-9-]{0,62}(~[a-z0-9][a-z0-9-]{0,62})?\.)?`, "",
		`([.][1-9][0-9]{0,9})?`, "", `(-|[a-z0-9][a-z0-9-]{0,62})`, id,
	}
	for _, p := range []string{
		`[a-z0-9][a-z0-9-]{0,62}`, `[a-z0-9][a-z0-9-]{0,95}`, `[a-z][a-z0-9-]{0,62}`, `[a-z][a-z0-9_]{0,62}`, `[a-z]{1,32}`,
	} {
		pairs = append(pairs, p, id)
	}
	return strings.NewReplacer(append(pairs, `[0-9]{4}`, number, `[1-9][0-9]{0,17}`, number)...)
}

// Form says what text a pattern of the contract asks for, in Chinese and in English.
func Form(pattern string) (zh, en string) {
	pattern = strings.TrimSuffix(strings.TrimPrefix(pattern, "^"), "$")
	whole, optional := strings.CutSuffix(pattern, ")?")
	if optional = optional && strings.HasPrefix(whole, "("); optional {
		pattern = whole[1:]
	}
	f, ok := forms[pattern]
	if !ok {
		f = words{"名称，格式为 " + names.zh.Replace(pattern), "a name, " + names.en.Replace(pattern)}
	}
	if optional {
		f.zh, f.en = f.zh+"，或不填", f.en+", or nothing"
	}
	return "必须是" + f.zh, "must be " + f.en
}
