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
	KeyDropped     = "dropped_pictures"
	KeyReconnects  = "reconnects"
)
