// Tests of the report on what go test -json says of good days and bad.

package main

import (
	"strings"
	"testing"
)

func TestReport(t *testing.T) {
	var out strings.Builder
	r := newReport(&out)
	err := r.read(strings.NewReader(`a line of something else
{"Action":"start","Package":"p/good"}
{"Action":"run","Package":"p/good","Test":"TestA"}
{"Action":"output","Package":"p/good","Test":"TestA","Output":"quiet\n"}
{"Action":"pass","Package":"p/good","Test":"TestA"}
{"Action":"run","Package":"p/good","Test":"TestB"}
{"Action":"output","Package":"p/good","Test":"TestB","Output":"    b_test.go:7: no chromium here\n"}
{"Action":"output","Package":"p/good","Test":"TestB","Output":"--- SKIP: TestB (0.00s)\n"}
{"Action":"skip","Package":"p/good","Test":"TestB"}
{"Action":"output","Package":"p/good","Output":"PASS\n"}
{"Action":"output","Package":"p/good","Output":"ok  \tp/good\t0.1s\n"}
{"Action":"pass","Package":"p/good"}
{"Action":"start","Package":"p/bad"}
{"Action":"run","Package":"p/bad","Test":"TestC"}
{"Action":"run","Package":"p/bad","Test":"TestC/sub"}
{"Action":"output","Package":"p/bad","Test":"TestC/sub","Output":"    c_test.go:9: wrong\n"}
{"Action":"fail","Package":"p/bad","Test":"TestC/sub"}
{"Action":"output","Package":"p/bad","Test":"TestC","Output":"panic: over\n"}
{"Action":"output","Package":"p/bad","Output":"FAIL\tp/bad\t0.1s\n"}
{"Action":"fail","Package":"p/bad"}
{"ImportPath":"p/worse","Action":"build-output","Output":"worse.go:1: syntax error\n"}
{"Action":"start","Package":"p/worse"}
{"Action":"output","Package":"p/worse","Output":"FAIL\tp/worse [build failed]\n"}
{"Action":"fail","Package":"p/worse","FailedBuild":"p/worse"}
{"Action":"start","Package":"p/none"}
{"Action":"output","Package":"p/none","Output":"?   \tp/none\t[no test files]\n"}
{"Action":"skip","Package":"p/none"}
`))
	if err != nil {
		t.Fatal(err)
	}
	r.print(&out)
	want := `a line of something else
ok  	p/good	0.1s
    c_test.go:9: wrong
panic: over
FAIL	p/bad	0.1s
worse.go:1: syntax error
FAIL	p/worse [build failed]
?   	p/none	[no test files]

1 skipped:
	p/good TestB: no chromium here

3 failed:
	p/bad TestC/sub
	p/bad TestC
	p/worse (outside its tests)

1 passed, 3 failed, 1 skipped
`
	if out.String() != want {
		t.Errorf("got:\n%s\nwant:\n%s", out.String(), want)
	}
}
