package configs

import (
	"crypto/x509"
	"encoding/pem"
	"fmt"
	"os"
	"path/filepath"
	"reflect"
	"regexp"
	"strconv"
	"strings"
	"time"
	"unicode"

	"venuecast/audio"
	"venuecast/broadcaster"
	"venuecast/camera"
	"venuecast/camera/file"
	"venuecast/rtmp"
)

// maxYouTubeKeyframeInterval is what YouTube's encoder settings ask for.
const maxYouTubeKeyframeInterval = 4 * time.Second

// validate checks every value by itself and then what they say together. It
// looks at no files; see checkFiles.
func (d *document) validate() {
	eachValue(reflect.ValueOf(&d.cfg).Elem(), "", func(path string, v reflect.Value) {
		if d.bad[path] {
			return
		}
		k := keys[keyPath(path)]
		d.check(path, k.check(v.Interface()), k.suggest(v.Interface()))
	})
	d.check("name", checkName(d.cfg.Name), "")
	d.validateCamera()
	d.validateAudio()
	d.validateDestinations()
	backoff := d.cfg.Broadcast.Backoff
	if backoff.Initial > backoff.Max && !d.bad["broadcast.backoff.max"] && !d.bad["broadcast.backoff.initial"] {
		d.fail("broadcast.backoff.initial", fmt.Sprintf("%s is more than broadcast.backoff.max, %s",
			formatDuration(backoff.Initial), formatDuration(backoff.Max)), "")
	}
}

// check fails unless message is empty.
func (d *document) check(path, message, hint string) {
	if message != "" {
		d.fail(path, message, hint)
	}
}

func (d *document) validateCamera() {
	c := d.cfg.Camera
	switch c.Source {
	case camera.SourceTestcard:
		const hint = "the test card is drawn and encoded on this box, in software"
		if c.Width > maxTestcardWidth {
			d.fail("camera.width", fmt.Sprintf("%d is more than the test card's %d", c.Width, maxTestcardWidth), hint)
		}
		if c.Height > maxTestcardHeight {
			d.fail("camera.height", fmt.Sprintf("%d is more than the test card's %d", c.Height, maxTestcardHeight), hint)
		}
		if c.FPS > maxTestcardFPS {
			d.fail("camera.fps", fmt.Sprintf("%s is more than the test card's %d", display(c.FPS), maxTestcardFPS), hint)
		}
	case camera.SourceExec:
		d.validateCommand("camera", c.Exec.Command)
	case camera.SourceFile:
		switch {
		case c.File.Path == "":
			d.fail("camera.file.path", "must be set when camera.source is file", "write file: {path: clip.h264}")
		case isURL(c.File.Path):
			d.fail("camera.file.path", wantPath, "")
		case file.Format(c.File.Path) == "":
			d.fail("camera.file.path", fmt.Sprintf("%s is no kind of clip known here", quoted(filepath.Base(c.File.Path))),
				"the name must end in "+orList(file.Extensions()))
		}
	}
	if c.KeyframeInterval > maxYouTubeKeyframeInterval && !d.bad["camera.keyframe_interval"] {
		d.warn("camera.keyframe_interval", fmt.Sprintf("%s is more than the %s that YouTube asks for at most",
			formatDuration(c.KeyframeInterval), formatDuration(maxYouTubeKeyframeInterval)), "use 2s")
	}
}

// validateCommand checks the command of section, whose source is exec.
func (d *document) validateCommand(section string, command []string) {
	path := section + ".exec.command"
	switch {
	case len(command) == 0:
		d.fail(path, "must be set when "+section+".source is exec", "write exec: {command: [program, argument, ...]}")
	case strings.TrimSpace(command[0]) == "":
		d.fail(path+"[0]", "the program has no name", "")
	}
}

func (d *document) validateAudio() {
	const path = "audio.source"
	switch d.cfg.Audio.Source {
	case audio.SourceExec:
		d.validateCommand("audio", d.cfg.Audio.Exec.Command)
	case audio.SourceCamera:
		var clips []string // those that can have sound in them
		for _, extension := range file.Extensions() {
			if file.CarriesAudio(extension) {
				clips = append(clips, extension)
			}
		}
		c := d.cfg.Camera
		hint := "use camera.source: file with a clip in " + orList(clips) + ", or another audio.source"
		switch {
		case d.bad["camera.source"] || d.bad["camera.file.path"]:
		case c.Source != camera.SourceFile:
			d.fail(path, "camera.source "+c.Source+" carries no sound", hint)
		case !file.CarriesAudio(c.File.Path):
			d.fail(path, quoted(filepath.Base(c.File.Path))+" carries no sound", hint)
		}
	}
}

func destinationPath(i int) string { return "broadcast.destinations[" + strconv.Itoa(i) + "]" }

func (d *document) validateDestinations() {
	first := map[string]int{}
	for i, dest := range d.cfg.Broadcast.Destinations {
		path := destinationPath(i)
		if d.bad[path] {
			continue
		}
		d.check(path+".name", checkName(dest.Name), "")
		if other, again := first[dest.Name]; !again {
			first[dest.Name] = i
		} else if dest.Name != "" {
			d.fail(path+".name", fmt.Sprintf("the same as that of destination %d", other+1), "logs and status need to tell them apart")
		}
		message, hint := checkURL(dest.URL)
		d.check(path+".url", message, hint)
		if isURL(dest.TLS.CAFile) {
			d.fail(path+".tls.ca_file", wantPath, "")
		}
		d.validateKey(path, dest)
	}
}

func (d *document) validateKey(path string, dest broadcaster.DestinationConfig) {
	file, env := path+".key_file", path+".key_env"
	const hint = "put the key into a file of its own and write that file's name here"
	switch {
	case looksLikeKey(dest.KeyFile):
		d.fail(file, "this looks like the stream key itself", hint)
	case looksLikeKey(dest.KeyEnv):
		d.fail(env, "this looks like the stream key itself", "put the key into an environment variable and write that variable's name here")
	case isURL(dest.KeyFile):
		d.fail(file, wantPath, hint)
	case dest.KeyEnv != "" && !variableName.MatchString(dest.KeyEnv):
		d.fail(env, "not the name of an environment variable", "write the name alone, such as VENUECAST_STREAM_KEY, without $ or value")
	case dest.KeyFile != "" && dest.KeyEnv != "":
		d.fail(env, "key_file is set, too", "keep one of them")
	case dest.KeyFile == "" && dest.KeyEnv == "" && !d.bad[env]:
		d.fail(file, "the stream key's file is missing", "put the key into a file and set key_file: FILE, or set key_env: VARIABLE")
	}
}

var variableName = regexp.MustCompile(`^[A-Za-z_][A-Za-z0-9_]*$`)

// youTubeKey is the shape of a YouTube stream key: four or five groups of four
// letters and digits.
var youTubeKey = regexp.MustCompile(`(?i)(^|[^a-z0-9])([a-z0-9]{4}-){3,4}[a-z0-9]{4}([^a-z0-9]|$)`)

// looksLikeKey reports whether s has, instead of a name, what YouTube gives as
// a stream key. A path to somewhere is a name.
func looksLikeKey(s string) bool {
	return youTubeKey.MatchString(s) && !strings.ContainsAny(s, `/\.`)
}

const wantPath = "want the path of a file, got a URL"

func isURL(s string) bool { return strings.Contains(s, "://") }

// looksLikeSecret reports whether s should stay out of messages: it has the
// shape of a key, or is a URL, whose path or query may be one.
func looksLikeSecret(s string) bool {
	return youTubeKey.MatchString(s) || isURL(s)
}

// checkURL returns what is wrong with an ingest's address, and repeats no more
// of it than scheme and host.
func checkURL(s string) (message, hint string) {
	const example = "write its address up to the app, such as rtmps://a.rtmps.youtube.com/live2"
	if s == "" {
		return "the ingest's address is missing", example
	}
	u, err := rtmp.ParseURL(s)
	switch {
	case hasKey(s, u, err):
		return "there is a stream key in it", "remove it here, put it into a file and set key_file: FILE"
	case err != nil && !isURL(s):
		return "no scheme, want rtmps:// or rtmp:// in front", example
	case err != nil:
		return strings.TrimLeft(strings.TrimPrefix(err.Error(), "rtmp URL"), ": "), example
	}
	return "", ""
}

// hasKey reports whether s, which rtmp.ParseURL read as u, has a YouTube stream
// key in it. Hosts may look like one: main-hall-left-cam1.
func hasKey(s string, u rtmp.URL, err error) bool {
	if err != nil {
		return youTubeKey.MatchString(s)
	}
	return youTubeKey.MatchString(u.App)
}

// checkName returns what keeps name from standing in a log line.
func checkName(name string) string {
	const most = 100
	switch {
	case len([]rune(name)) > most:
		return fmt.Sprintf("longer than %d characters", most)
	case strings.ContainsFunc(name, func(r rune) bool { return !unicode.IsPrint(r) }):
		return "has characters that cannot be printed"
	case name != "" && name != strings.TrimSpace(name):
		return "begins or ends with a space"
	}
	return ""
}

// nameDestinations names those without a name after their host, -2 and so on
// behind it where needed.
func (d *document) nameDestinations() {
	destinations := d.cfg.Broadcast.Destinations
	taken := map[string]bool{}
	for _, dest := range destinations {
		taken[dest.Name] = true
	}
	for i := range destinations {
		dest := &destinations[i]
		u, err := rtmp.ParseURL(dest.URL)
		if dest.Name != "" || err != nil { // the error is for validate to report
			continue
		}
		dest.Name = u.Host
		for n := 2; taken[dest.Name]; n++ {
			dest.Name = u.Host + "-" + strconv.Itoa(n)
		}
		taken[dest.Name] = true
	}
}

// checkFiles checks what stands in the files that the configuration cannot do
// without. The stream keys are not among them; see [Config.CheckKeys].
func (d *document) checkFiles() {
	c := d.cfg
	const path = "camera.file.path"
	if c.Camera.Source == camera.SourceFile && c.Camera.File.Path != "" && !d.bad[path] {
		if message := checkClip(c.Camera.File.Path); message != "" {
			d.fail(path, message, "")
		}
	}
	for i, dest := range c.Broadcast.Destinations {
		path := destinationPath(i) + ".tls.ca_file"
		if dest.TLS.CAFile != "" && !d.bad[path] {
			message, hint := checkCertificates(dest.TLS.CAFile)
			d.check(path, message, hint)
		}
	}
}

func checkClip(path string) (message string) {
	f, err := os.Open(path) // #nosec G304 -- naming the file is the operator's part
	if err != nil {
		return fmt.Sprintf("%s: %s", path, cause(err))
	}
	defer f.Close()
	if info, err := f.Stat(); err == nil && info.IsDir() {
		return path + ": is a folder"
	}
	return ""
}

func checkCertificates(path string) (message, hint string) {
	text, err := os.ReadFile(path) // #nosec G304 -- naming the file is the operator's part
	if err != nil {
		return fmt.Sprintf("%s: %s", path, cause(err)), "the path counts from the configuration file's folder"
	}
	found := false
	for block, rest := pem.Decode(text); block != nil; block, rest = pem.Decode(rest) {
		if block.Type != "CERTIFICATE" {
			continue
		}
		if _, err := x509.ParseCertificate(block.Bytes); err != nil {
			return fmt.Sprintf("%s: damaged certificate: %v", path, err), ""
		}
		found = true
	}
	if !found {
		return path + ": no PEM certificate in it", "it should contain -----BEGIN CERTIFICATE-----"
	}
	return "", ""
}
