/* What ps(1) shows as a process's arguments. */
#ifndef ECHOD_TITLE_H
#define ECHOD_TITLE_H

/*
 * Has ps(1) and pgrep -a show this text in place of the arguments, which are those of main(). They are
 * overwritten, and so may be the environment behind them, which is empty from then on. What does not fit is
 * cut.
 */
void title_set(char *const argv[], const char *text);

#endif
