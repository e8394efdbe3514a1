/*
 * Hands a message to a log function of C, which takes a va_list: stable Rust
 * can call a variadic function, and cannot make that.
 */
#include <stdarg.h>

typedef void log_fn(void *data, int priority, const char *file, int line, const char *fn,
		    const char *format, va_list args);

void komod_log(log_fn *to, void *data, int priority, const char *fn, const char *format, ...);

void komod_log(log_fn *to, void *data, int priority, const char *fn, const char *format, ...)
{
	va_list args;

	va_start(args, format);
	to(data, priority, "libkmod", 0, fn, format, args);
	va_end(args);
}
