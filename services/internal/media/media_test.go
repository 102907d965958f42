package media_test

import (
	"archive/zip"
	"bytes"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"strings"
	"testing"

	"github.com/xuri/excelize/v2"

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

// ole is the beginning of a compound file with a stream of that name.
func ole(stream string) string {
	wide := strings.Join(strings.Split(stream+"\x00", ""), "\x00") + "\x00"
	return "\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + strings.Repeat("\x00", 9000) + wide
}

// ftyp is the beginning of a file by ISO 14496-12 of that brand.
func ftyp(brand string) string {
	return "\x00\x00\x00\x18ftyp" + brand + "\x00\x00\x00\x00" + brand + "isom\x00\x00\x00\x08free"
}

// gb18030 are “走访记录：三户，均在家。” as an old editor saves it.
const gb18030 = "\xd7\xdf\xb7\xc3\xbc\xc7\xc2\xbc\xa3\xba\xc8\xfd\xbb\xa7\xa3\xac\xbe\xf9\xd4\xda\xbc\xd2\xa1\xa3"

func TestContentDecidesTheMediaType(t *testing.T) {
	const types = "[Content_Types].xml"
	for name, test := range map[string]struct{ content, want string }{
		"pdf":             {"%PDF-1.7\n", media.PDF},
		"ofd":             {zipped(t, "OFD.xml", "Doc_0/Document.xml"), media.OFD},
		"png":             {"\x89PNG\r\n\x1a\n", media.PNG},
		"jpeg":            {"\xff\xd8\xff\xe0", media.JPEG},
		"gif":             {"GIF89a", media.GIF},
		"webp":            {"RIFF\x1a\x00\x00\x00WEBPVP8 ", media.WebP},
		"bmp":             {"BM\x1a\x00\x00\x00\x00\x00\x00\x00\x1a\x00\x00\x00\x28\x00\x00\x00\x01\x00\x01\x00\x01\x00\x18\x00", media.BMP},
		"tiff":            {"II*\x00\x08\x00\x00\x00", media.TIFF},
		"heic":            {ftyp("heic"), media.HEIC},
		"mp4":             {ftyp("mp42"), media.MP4},
		"mov":             {ftyp("qt  "), media.MOV},
		"m4a":             {ftyp("M4A "), media.M4A},
		"mp3":             {strings.Repeat("\xff\xfb\x90\x00"+strings.Repeat("\x55", 413), 12), media.MP3},
		"wav":             {"RIFF\x24\x00\x00\x00WAVEfmt ", media.WAV},
		"text":            {"走访记录\n三户，均在家。", media.Text},
		"text with mark":  {"\ufeff走访记录", media.Text},
		"text in GB18030": {gb18030, media.Text},
		"letter":          {"From: 区教育局\nSubject: 走访\n\n三户", media.Text},
		"one line":        {"a,b", media.Text},
		"uneven rows":     {"a,b\nc", media.Text},
		"csv":             {"姓名,次数\n甲,1\n", media.CSV},
		"csv in GB18030":  {gb18030 + ",1\n" + gb18030 + ",2\n", media.CSV},
		"docx":            {zipped(t, types, "word/document.xml"), media.DOCX},
		"xlsx":            {zipped(t, types, "xl/workbook.xml"), media.XLSX},
		"pptx":            {zipped(t, types, "ppt/presentation.xml"), media.PPTX},
		"doc":             {ole("WordDocument"), media.DOC},
		"xls":             {ole("Workbook"), media.XLS},
		"ppt":             {ole("PowerPoint Document"), media.PPT},
		"macros":          {zipped(t, types, "xl/workbook.xml", "xl/vbaProject.bin"), ""},
		"macros of 1997":  {ole("Workbook") + ole("_VBA_PROJECT"), ""},
		"neither":         {zipped(t, types), ""},
		"undeclared":      {zipped(t, "word/document.xml"), ""},
		"both":            {zipped(t, types, "xl/workbook.xml", "word/document.xml"), ""},
		"any zip":         {zipped(t, "a.txt"), ""},
		"broken zip":      {"PK\x03\x04", ""},
		"jar":             {zipped(t, "META-INF/MANIFEST.MF", "a.class"), ""},
		"html":            {"<html><script>", ""},
		"svg":             {"<?xml version='1.0'?><svg/>", ""},
		"bare svg":        {"<svg onload=alert(1) xmlns='http://www.w3.org/2000/svg'></svg>", ""},
		"script":          {"#!/bin/sh\nrm -r /\n", ""},
		"program":         {"\x7fELF", ""},
		"late zero":       {strings.Repeat("a", 4096) + "\x00", ""},
		"late escape":     {strings.Repeat("a", 4096) + "\x1b[2J", ""},
		"no text":         {"a\xff\xfe\xfd", ""},
		"ole of nothing":  {ole("Installer"), ""},
		"pdf not at once": {"x%PDF-1.7\n", ""},
	} {
		if got := media.Type([]byte(test.content)); got != test.want {
			t.Errorf("%s: %q, want %q", name, got, test.want)
		}
	}
}

// What other people's encoders write is told as well as what stands above.
func TestWhatEncodersWriteIsTold(t *testing.T) {
	picture, book := image.NewGray(image.Rect(0, 0, 2, 2)), excelize.NewFile()
	for want, write := range map[string]func(w io.Writer) error{
		media.PNG:  func(w io.Writer) error { return png.Encode(w, picture) },
		media.JPEG: func(w io.Writer) error { return jpeg.Encode(w, picture, nil) },
		media.GIF:  func(w io.Writer) error { return gif.Encode(w, picture, nil) },
		media.XLSX: func(w io.Writer) error { return book.Write(w) },
	} {
		var b bytes.Buffer
		if err := write(&b); err != nil {
			t.Fatal(err)
		}
		if got := media.Type(b.Bytes()); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}

func TestANameEndsAsItsContentDoes(t *testing.T) {
	for _, c := range []struct {
		kind, name string
		want       bool
	}{
		{media.PNG, "证据.png", true}, {media.PNG, "IMG.PNG", true}, {media.JPEG, "a.b.jpeg", true}, {media.DOC, "通知.wps", true},
		{media.Text, "证据.png", false}, {media.PDF, "pic.jpg", false}, {media.Text, "a.sh", false}, {media.Text, "x.html", false},
		{media.Text, "x", false}, {media.Text, "txt", false}, {media.Text, "x.txt.", false}, {"", "x", false}, {"text/html", "x.html", false},
	} {
		if got := media.Agrees(c.kind, c.name); got != c.want {
			t.Errorf("%s as %s: %t", c.name, c.kind, got)
		}
	}
}

func TestBlanksAreNoContent(t *testing.T) {
	for content, want := range map[string]bool{
		"": true, " ": true, "\r\n\t\n": true, "\u3000": true, "\ufeff \n": true, "\xa1\xa1": true, "\x00\x00": true, "。": true, ",,,\n,,,": true, "\u200b\u200b": true, "\u3164": true, "√": false, "無": false, gb18030: false, "\x89": false,
	} {
		if got := media.Blank([]byte(content)); got != want {
			t.Errorf("%q: %t", content, got)
		}
	}
}
