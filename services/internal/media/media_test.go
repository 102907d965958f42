package media_test

import (
	"archive/zip"
	"bytes"
	"strings"
	"testing"

	"github.com/duban-project/duban/services/internal/media"
)

// zipped makes an archive of files with these names.
func zipped(t *testing.T, names ...string) string {
	t.Helper()
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for _, name := range names {
		if _, err := w.Create(name); err != nil {
			t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

func TestContentDecidesTheMediaType(t *testing.T) {
	const types = "[Content_Types].xml"
	for name, test := range map[string]struct{ content, want string }{
		"pdf":             {"%PDF-1.7\n", media.PDF},
		"png":             {"\x89PNG\r\n\x1a\n", media.PNG},
		"jpeg":            {"\xff\xd8\xff\xe0", media.JPEG},
		"text":            {"走访记录\n三户，均在家。", media.Text},
		"one line":        {"a,b", media.Text},
		"uneven rows":     {"a,b\nc", media.Text},
		"csv":             {"姓名,次数\n甲,1\n", media.CSV},
		"docx":            {zipped(t, types, "word/document.xml"), media.DOCX},
		"xlsx":            {zipped(t, types, "xl/workbook.xml"), media.XLSX},
		"macros":          {zipped(t, types, "xl/workbook.xml", "xl/vbaProject.bin"), ""},
		"neither":         {zipped(t, types), ""},
		"both":            {zipped(t, types, "xl/workbook.xml", "word/document.xml"), ""},
		"any zip":         {zipped(t, "a.txt"), ""},
		"broken zip":      {"PK\x03\x04", ""},
		"html":            {"<html><script>", ""},
		"svg":             {"<?xml version='1.0'?><svg/>", ""},
		"gif":             {"GIF89a", ""},
		"program":         {"\x7fELF", ""},
		"late zero":       {strings.Repeat("a", 4096) + "\x00", ""},
		"late escape":     {strings.Repeat("a", 4096) + "\x1b[2J", ""},
		"ole (doc, xls)":  {"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", ""},
		"mp4":             {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom", ""},
		"pdf not at once": {"x%PDF-1.7\n", media.Text},
	} {
		if got := media.Type([]byte(test.content)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}
