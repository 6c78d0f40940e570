package controls

// uvcExposure has automatic and not; which automatic, is the device's.
func uvcExposure(t *target, v any) {
	switch v {
	case "auto", "backlight":
		if !t.s.asks("shutter_speed") {
			if _, ok := t.need(idExposureMode); !ok {
				return
			}
			t.putFirst(idExposureMode, exposureAperturePriority, exposureAuto, exposureShutterPriority)
		}
		if v == "backlight" {
			t.putPortion(idBacklight, 1)
		}
	case "off":
		if _, ok := t.need(idExposureMode); ok && !t.s.asks("shutter_speed") {
			t.putFirst(idExposureMode, exposureManual, exposureShutterPriority)
		}
	default:
		t.refuseValue(v)
	}
}

func uvcShutter(t *target, v any) {
	switch us := v.(int); {
	case us > 0:
		t.putShutter(us, exposureManual, exposureShutterPriority)
	case t.s.word("exposure_mode") == "": // or that has said it
		t.putFirst(idExposureMode, exposureAperturePriority, exposureAuto)
	}
}

// uvcGains is the gain that is taken for the end of a device's range, which has
// no unit. It is the most that picamera's ISO stands for.
const uvcGains = 16

func uvcISO(t *target, v any) { t.uvcGain(float64(v.(int))/100, v) }

func uvcGain(t *target, v any) { t.uvcGain(v.(float64), v) }

func (t *target) uvcGain(gain float64, v any) {
	switch {
	case gain == 0: // it goes with the automatic exposure
	case gain < 1, gain > uvcGains:
		t.refuse("cannot do %s, only gains of 1 to %d, which are ISO 100 to 1600", show(v), uvcGains)
	default:
		t.putPortion(idGain, (gain-1)/(uvcGains-1))
	}
}

// kelvins are the color temperatures that the names of lights stand for.
var kelvins = map[string]float64{
	"horizon": 2300, "incandescent": 2800, "tungsten": 3200, "indoor": 3500, "fluorescent": 4000, "sunlight": 5500, "flash": 6000,
	"cloudy": 6500, "shade": 7500,
}

func uvcBalance(t *target, v any) {
	kelvin, isLight := kelvins[v.(string)]
	switch {
	case v == "auto":
		t.putExact(idAutoBalance, 1, v)
	case v == "off":
		t.putExact(idAutoBalance, 0, v)
	case !isLight:
		t.refuseValue(v)
	default:
		if r, ok := t.need(idKelvin); ok {
			t.putFirst(idAutoBalance, 0)
			t.put(idKelvin, r.nearest(kelvin))
		}
	}
}

func uvcFocusMode(t *target, v any) {
	switch v {
	case "auto", "continuous":
		t.putExact(idAutoFocus, 1, v)
	case "manual":
		t.putExact(idAutoFocus, 0, v)
	}
}

// uvcLens is the device's range, which has no unit, from infinity to the
// nearest.
func uvcLens(t *target, v any) {
	r, ok := t.need(idFocus)
	if !ok || t.lensAgainstMode() {
		return
	}
	if t.s.word("autofocus_mode") != "manual" {
		t.putFirst(idAutoFocus, 0)
	}
	if dioptres, ok := v.(float64); ok {
		t.putPortion(idFocus, dioptres/32)
	} else {
		t.put(idFocus, r.Default)
	}
}

func uvcZoom(t *target, v any) {
	if f, ok := v.(float64); ok {
		t.putPortion(idZoom, f)
	} else {
		t.refuse("cannot do %s: it zooms as a whole, 0 (wide) to 1 (near)", show(v))
	}
}
