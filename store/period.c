#include "config.h"

#include "store/period.h"

/* Years begin on 1 March here: a leap day is the last of its year. */
enum {
	YEAR_0 = 719468,		/* days from 1 March of the year 0 to 1970 */
	DAYS_400_YEARS = 146097,
	DAY_MAX = DAYS_400_YEARS * 250,
	DAYS_OF_MONTH_MAX = 31,
	MONDAY = 4,			/* 1970-01-05 */
	DAYS_OF_WEEK = 7
};

static int64_t
divide_down(int64_t a, int64_t b)
{
	return a / b - (a % b < 0);
}

static int64_t
clamp(int64_t day)
{
	return day < -DAY_MAX ? -DAY_MAX : day > DAY_MAX ? DAY_MAX : day;
}

int64_t
period_day(int64_t time_s)
{
	return clamp(divide_down(time_s, PERIOD_DAY_S));
}

/* How many days of its month came before DAY (the proleptic Gregorian calendar). */
static int64_t
days_into_month(int64_t day)
{
	int64_t	 era_day, year, year_day, month;

	day += YEAR_0;
	era_day = day - divide_down(day, DAYS_400_YEARS) * DAYS_400_YEARS;
	year = (era_day - era_day / 1460 + era_day / 36524 -
	    era_day / 146096) / 365;
	year_day = era_day - (365 * year + year / 4 - year / 100);
	month = (5 * year_day + 2) / 153;
	return year_day - (153 * month + 2) / 5;
}

static struct period
month_of(int64_t day)
{
	int64_t	 from = day - days_into_month(day),
		 next = from + DAYS_OF_MONTH_MAX;

	return (struct period){ from, next - days_into_month(next) };
}

struct period
period_of(enum limits_period kind, int64_t day)
{
	int64_t	 monday;

	day = clamp(day);
	switch (kind) {
	case LIMITS_WEEK:
		monday = divide_down(day - MONDAY, DAYS_OF_WEEK) *
		    DAYS_OF_WEEK + MONDAY;
		return (struct period){ monday, monday + DAYS_OF_WEEK };
	case LIMITS_MONTH:
		return month_of(day);
	case LIMITS_DAY:
	case LIMITS__PERIODS:
		break;
	}
	return (struct period){ day, day + 1 };
}
