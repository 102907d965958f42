package main

import (
	"strings"
	"testing"
)

// TestFederation runs the province, its cities and districts as processes, once.
func TestFederation(t *testing.T) {
	t.Setenv(envChild, "1")
	var out strings.Builder
	if err := federationCommand(t.Context(), []string{"-once", "-small"}, &out); err != nil {
		t.Fatal(err)
	}
	shown := out.String()
	for _, want := range []string{"西陵区", "示例乙区", "全部一致（演示数据）", "未上送", "正常", "5 个机构"} {
		if !strings.Contains(shown, want) {
			t.Errorf("it does not show %q:\n%s", want, shown)
		}
	}
	for part := range strings.SplitSeq(strings.TrimSpace(shown), "\n\n") {
		if !strings.Contains(part, "演示") {
			t.Errorf("not marked as simulated:\n%s", part)
		}
	}
}
