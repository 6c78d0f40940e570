//go:build linux

package e2e

import (
	"fmt"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"regexp"
	"testing"
	"time"

	"venuecast/internal/tooltest"
)

// An nginx is an nginx-rtmp that records what it gets.
type nginx struct {
	*process
	port int
	dir  string // of the recordings
}

// nginxModule gives the line that loads a module, "" where it is built in.
func nginxModule(t *testing.T, file, builtIn string) (load string, ok bool) {
	t.Helper()
	need(t, "nginx")
	about, _ := exec.Command("nginx", "-V").CombinedOutput()
	if m := regexp.MustCompile(`--modules-path=(\S+)`).FindSubmatch(about); m != nil {
		path := filepath.Join(string(m[1]), file)
		if _, err := os.Stat(path); err == nil {
			return "load_module " + path + ";\n", true
		}
	}
	return "", regexp.MustCompile(builtIn).Match(about)
}

// nginxRTMP is nginxModule of the RTMP module, which the test cannot do without.
func nginxRTMP(t *testing.T) string {
	t.Helper()
	load, ok := nginxModule(t, "ngx_rtmp_module.so", `nginx-rtmp-module`)
	if !ok {
		tooltest.Skip(t, "this test needs nginx with its RTMP module (Debian: libnginx-mod-rtmp), which is not installed here")
	}
	return load
}

// startNginx starts an ingest rtmp://127.0.0.1:port/live.
func startNginx(t *testing.T, port int) *nginx { return startNginxWith(t, port, "", "") }

// startNginxWith does so with more in the configuration: lines at its begin,
// and sections at its end.
func startNginxWith(t *testing.T, port int, load, sections string) *nginx {
	t.Helper()
	load += nginxRTMP(t)
	dir := t.TempDir()
	n := &nginx{port: port, dir: filepath.Join(dir, "rec")}
	if err := os.Mkdir(n.dir, 0o700); err != nil {
		t.Fatal(err)
	}
	as := ""
	if me, err := user.Current(); err == nil && me.Uid == "0" {
		as = "user root root;\n" // or its workers could not write here
	}
	conf := filepath.Join(dir, "nginx.conf")
	write(t, conf, load+as+fmt.Sprintf(`daemon off;
worker_processes 1;
pid %[1]s/nginx.pid;
error_log %[1]s/error.log info;
events { worker_connections 64; }
rtmp {
	access_log off;
	server {
		listen 127.0.0.1:%[2]d;
		application live { live on; record all; record_path %[3]s; record_unique on; }
	}
}
`, dir, port, n.dir)+sections)
	n.process = start(t, nil, "nginx", "-p", dir, "-e", filepath.Join(dir, "error.log"), "-c", conf)
	eventually(t, 5*time.Second, "nginx listens", func() bool { return listening(port) || !n.running() })
	if !n.running() {
		t.Fatalf("nginx does not start: %s", n.out.String())
	}
	return n
}

func (n *nginx) url() string { return fmt.Sprintf("rtmp://127.0.0.1:%d/live", n.port) }

// files are the recordings so far, one for each session.
func (n *nginx) files(t *testing.T) []string {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(n.dir, "*.flv"))
	if err != nil {
		t.Fatal(err)
	}
	return files
}

// recorded waits for the one session's recording to be complete: for the tag
// that venuecast says the stream's end with.
func (n *nginx) recorded(t *testing.T) string {
	t.Helper()
	var files []string
	eventually(t, 5*time.Second, "nginx has recorded the end of one stream", func() bool {
		files = n.files(t)
		return len(files) == 1 && readFLV(t, files[0]).ended
	})
	return files[0]
}
