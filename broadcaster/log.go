package broadcaster

// The keys of what is logged.
const (
	KeyDestination = "destination"
	KeyURL         = "url"
	KeyHint        = "hint"
	KeyIn          = "retry_in"
	KeyUptime      = "uptime"
	KeyCount       = "count"
	KeyWithin      = "within"
	KeySize        = "size"
	KeyFPS         = "fps"
	KeyRate        = "sample_rate"
	KeyChannels    = "channels"
	KeyDropped     = "dropped_pictures"
	KeyReconnects  = "reconnects"
	KeyIssue       = "issue"
	KeyMeasured    = "measured"
	KeyLimit       = "limit"
)
