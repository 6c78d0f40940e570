//go:build linux

package e2e

import (
	"path/filepath"
	"syscall"
	"testing"
	"time"
)

// A camera command that dies every two seconds is started again, and the
// session with the ingest lives on: the picture resumes with a keyframe, and a
// decoder has nothing to complain of.
func TestCameraCommandDies(t *testing.T) {
	for _, c := range []struct {
		name    string
		options []string
	}{
		{"between pictures", nil},
		{"within a picture", []string{"-cut"}},
	} {
		t.Run(c.name, func(t *testing.T) {
			need(t, "ffmpeg")
			nginxRTMP(t)
			t.Parallel()
			file := filepath.Join(t.TempDir(), "camera.h264")
			encodeH264(t, file, encode{size: "320x180", fps: 30, seconds: 3, profile: "main", params: "keyint=30:scenecut=0:bframes=0"})
			in := startNginx(t, freePort(t))
			dir := t.TempDir()
			const deaths = 3
			p := broadcast(t, dir, camera(file, 30, append(c.options, "-pictures", "60")...), []string{destination(t, dir, "venue", in.url())})
			eventually(t, 20*time.Second, "the command's last start", func() bool { return len(p.lines("camera command started")) > deaths })
			eventually(t, 5*time.Second, "pictures of it", func() bool {
				v := readFLV(t, in.files(t)[0]).video
				return len(v) > deaths*59+10
			})
			p.signal(t, syscall.SIGTERM)
			if code := p.wait(t, 5*time.Second); code != 0 {
				t.Errorf("exit code %d, want 0", code)
			}
			t.Log(p.says(t, time.Second, "no camera: its command is started again"))
			if n := len(p.lines("camera command started")) - 1; n != deaths {
				t.Errorf("%d deaths are logged with their reason, want %d", n, deaths)
			}
			if n := len(p.lines("connected to the ingest")); n != 1 {
				t.Errorf("%d sessions with the ingest, want one", n)
			}
			rec := in.recorded(t)
			r := readFLV(t, rec)
			requireMonotonic(t, "the recording", r)
			requireSilence(t, "the recording", rec, r)
			decodesCleanly(t, rec)
			gaps := 0
			for i := 1; i < len(r.video); i++ {
				if gap := r.video[i].dts - r.video[i-1].dts; gap > 150 {
					gaps++
					t.Logf("a gap of %d ms at %d ms", gap, r.video[i-1].dts)
					if !r.video[i].key {
						t.Errorf("the picture does not resume with a keyframe at %d ms", r.video[i].dts)
					}
				}
			}
			if gaps != deaths {
				t.Errorf("%d gaps, want %d", gaps, deaths)
			}
			checkPrefixes(t, frames(t, rec), frames(t, file))
		})
	}
}

// checkPrefixes fails unless got is made of beginnings of source.
func checkPrefixes(t *testing.T, got, source []string) {
	t.Helper()
	for i := 0; i < len(got); {
		n := 0
		for i+n < len(got) && n < len(source) && got[i+n] == source[n] {
			n++
		}
		if n == 0 {
			t.Errorf("picture %d of the recording does not go on as the source does", i)
			return
		}
		t.Logf("%d pictures of a start of the command", n)
		i += n
	}
}
