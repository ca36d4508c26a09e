#include "config.h"

#include "gateway/call.h"

const unsigned call_gap_bounds_ms[CALL_GAPS] = {
	5, 10, 25, 50, 100, 250, 500, 1000, 2500, 5000, 10000, 30000, 60000,
	120000, 300000
};
