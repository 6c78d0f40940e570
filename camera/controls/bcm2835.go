package controls

import (
	"math"
	"slices"
)

var bcmScenes = map[string]int32{"auto": 0, "off": 0, "night": 8, "sports": 11}

func bcmExposure(t *target, v any) {
	scene, ok := bcmScenes[v.(string)]
	switch {
	case !ok:
		t.refuseValue(v)
		return
	case v == "off" && !t.s.asks("shutter_speed"):
		t.fail("off needs shutter_speed", "set shutter_speed, in microseconds")
		return
	}
	t.putExact(idScene, scene, v)
	if v == "auto" && !t.s.asks("shutter_speed") {
		t.putExact(idExposureMode, exposureAuto, v)
	}
}

// inScene reports a control that the driver leaves alone while a scene is on.
func (t *target) inScene() bool {
	mode := t.s.word("exposure_mode")
	if bcmScenes[mode] == 0 {
		return false
	}
	t.refuse("takes no notice of it while exposure_mode is %s", mode)
	return true
}

func bcmShutter(t *target, v any) {
	us := v.(int)
	switch {
	case us == 0:
		if t.s.word("exposure_mode") != "auto" { // or that has said it
			t.putExact(idExposureMode, exposureAuto, v)
		}
	case !t.inScene():
		t.putShutter(us, exposureManual)
	}
}

func bcmMetering(t *target, v any) {
	if !t.inScene() {
		menuOf(idMetering, map[string]int32{"average": 0, "backlit": 1, "spot": 2})(t, v)
	}
}

// bcmCompensation is a menu of thirds of an EV, from -4 EV.
func bcmCompensation(t *target, v any) {
	n := v.(int)
	if n < -24 || n > 24 {
		t.refuse("cannot do %d, only -24 to 24", n)
		return
	}
	t.putExact(idCompensation, int32(math.Round(float64(n)/2))+12, v)
}

// bcmStops are the ISO values of the driver's menu.
var bcmStops = []float64{0, 100, 200, 400, 800}

func bcmISO(t *target, v any) { t.bcmGain(float64(v.(int)), v) }

func bcmGain(t *target, v any) { t.bcmGain(100*v.(float64), v) }

// bcmGain sets the stop next to an ISO value; 0 is automatic.
func (t *target) bcmGain(iso float64, v any) {
	if iso == 0 {
		t.putExact(idAutoISO, 1, v)
		return
	}
	first, last := bcmStops[1], bcmStops[len(bcmStops)-1]
	if iso < first || iso > last {
		t.refuse("cannot do %s, only ISO 100 to 800, which are gains of 1 to 8", show(v))
		return
	}
	stop := 1 + int(math.Round(math.Log2(iso/first)))
	if r, ok := t.need(idISO); ok && r.allows(int32(stop)) {
		t.putFirst(idAutoISO, 0)
		t.put(idISO, int32(stop))
	}
}

var bcmBalance = map[string]int32{
	"off": 0, "auto": 1, "incandescent": 2, "fluorescent": 3, "tungsten": 4, "horizon": 5, "sunlight": 6, "flash": 7, "cloudy": 8, "shade": 9,
}

func bcmGains(t *target, v any) {
	if t.gainsAgainstMode() {
		return
	}
	red, ok1 := t.need(idRedBalance)
	blue, ok2 := t.need(idBlueBalance)
	if !ok1 || !ok2 {
		return
	}
	if t.s.word("awb_mode") == "" {
		t.putFirst(idBalanceMode, 0) // off
	}
	gains := v.([2]float64)
	t.put(idRedBalance, red.nearest(1000*gains[0]))
	t.put(idBlueBalance, blue.nearest(1000*gains[1]))
}

func bcmRotation(t *target, v any) { t.putExact(idRotate, int32(v.(int)), v) }

// bcmEffects are what the driver makes of V4L2's effects, which are others.
var bcmEffects = map[string]int32{
	"none": 0, "negative": 3, "emboss": 4, "sketch": 5, "pastel": 6, "watercolor": 7, "washedout": 8, "saturation": 9, "hatch": 11,
	"film": 12, "solarize": 13, "colorbalance": 14,
}

func bcmEffect(t *target, v any) {
	if v == "none" && t.s.asks("color_effects") {
		return // the colors are set by the same control
	}
	menuOf(idColorEffect, bcmEffects)(t, v)
}

// bcmColors are the pairs of U and V that the driver has. It takes any pair in
// another control, and makes nothing of it.
var bcmColors = map[[2]int]int32{{128, 128}: 1, {87, 151}: 2, {171, 121}: 10}

func bcmColor(t *target, v any) {
	pair, _ := v.([2]int)
	value, ok := bcmColors[pair]
	switch {
	case v == "none":
		if _, set := t.s.values["image_effect"]; !set {
			t.putExact(idColorEffect, 0, v)
		}
	case !ok:
		t.refuse("has the pairs [128, 128], [87, 151] and [171, 121] only")
	case t.s.asks("image_effect"):
		t.refuse("has one effect at a time, and image_effect is set")
	default:
		t.putExact(idColorEffect, value, v)
	}
}

func bcmLevel(t *target, v any) {
	t.putExact(idLevel, int32(slices.Index(levels, v.(string))), v)
}

var bcmProfiles = map[string]int32{"baseline": 0, "constrained": 1, "main": 2, "high": 4}
