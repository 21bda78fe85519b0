// A bare epoll loop: echo and broadcast with the least that a WebSocket server can do, as the floor of what the system costs. It checks
// nothing, UTF-8 neither, has no limits and no timeouts, and is no server to ship. A handler that sleeps has no place in it.
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <netinet/tcp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

enum { BUF = 256 << 10, BIG = 16 << 10, FDS = 65536 };

// A connection. in holds a frame that was cut, of which have bytes are there and need are wanted; out holds what the socket did not take, from sent on.
struct conn { int fd, open, seat; size_t have, need, pending, sent; unsigned char *in, *out; };

static struct conn *conns[FDS], *room[FDS]; // by descriptor; and who is in the room, each at its seat
static int members;
static unsigned char buf[BUF + 1], answer[BUF];

// SHA-1 and base64 for the handshake.
static void sha1(const unsigned char *p, size_t n, unsigned char out[20]) {
	uint32_t h[5] = {0x67452301, 0xEFCDAB89, 0x98BADCFE, 0x10325476, 0xC3D2E1F0}, w[80];
	unsigned char m[128] = {0};
	memcpy(m, p, n); m[n] = 0x80;
	size_t len = n + 9 > 64 ? 128 : 64;
	for (int i = 0; i < 8; i++) m[len - 1 - i] = (unsigned char)((n * 8) >> (8 * i));
	for (size_t o = 0; o < len; o += 64) {
		for (int i = 0; i < 16; i++) w[i] = m[o+4*i] << 24 | m[o+4*i+1] << 16 | m[o+4*i+2] << 8 | m[o+4*i+3];
		for (int i = 16; i < 80; i++) { uint32_t x = w[i-3] ^ w[i-8] ^ w[i-14] ^ w[i-16]; w[i] = x << 1 | x >> 31; }
		uint32_t a = h[0], b = h[1], c = h[2], d = h[3], e = h[4];
		for (int i = 0; i < 80; i++) {
			uint32_t f, k;
			if (i < 20) f = (b & c) | (~b & d), k = 0x5A827999;
			else if (i < 40) f = b ^ c ^ d, k = 0x6ED9EBA1;
			else if (i < 60) f = (b & c) | (b & d) | (c & d), k = 0x8F1BBCDC;
			else f = b ^ c ^ d, k = 0xCA62C1D6;
			uint32_t t = (a << 5 | a >> 27) + f + e + k + w[i];
			e = d; d = c; c = b << 30 | b >> 2; b = a; a = t;
		}
		h[0] += a; h[1] += b; h[2] += c; h[3] += d; h[4] += e;
	}
	for (int i = 0; i < 20; i++) out[i] = (unsigned char)(h[i / 4] >> (24 - 8 * (i % 4)));
}

static void base64(const unsigned char *p, int n, char *out) {
	static const char t[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
	for (int i = 0; i < n; i += 3) {
		uint32_t v = p[i] << 16 | (i + 1 < n ? p[i+1] : 0) << 8 | (i + 2 < n ? p[i+2] : 0);
		*out++ = t[v >> 18]; *out++ = t[v >> 12 & 63];
		*out++ = i + 1 < n ? t[v >> 6 & 63] : '='; *out++ = i + 2 < n ? t[v & 63] : '=';
	}
	*out = 0;
}

static void drop(struct conn *c) {
	conns[c->fd] = 0;
	if (c->seat >= 0) { room[c->seat] = room[--members]; room[c->seat]->seat = c->seat; }
	close(c->fd); free(c->in); free(c->out); free(c);
}

// put sends, and keeps what does not fit.
static void put(struct conn *c, const unsigned char *p, size_t n) {
	size_t done = 0;
	if (c->pending == c->sent) {
		ssize_t k = send(c->fd, p, n, MSG_NOSIGNAL);
		done = k > 0 ? (size_t)k : 0;
	}
	if (done == n) return;
	c->out = realloc(c->out, c->pending + n - done);
	memcpy(c->out + c->pending, p + done, n - done);
	c->pending += n - done;
}

static void flush(struct conn *c) {
	if (c->pending == c->sent) return;
	ssize_t k = send(c->fd, c->out + c->sent, c->pending - c->sent, MSG_NOSIGNAL);
	if (k > 0) c->sent += (size_t)k;
	if (c->sent == c->pending) { free(c->out); c->out = 0; c->sent = c->pending = 0; }
}

static int handshake(struct conn *c, unsigned char *p, size_t n) {
	p[n] = 0;
	if (!strstr((char *)p, "\r\n\r\n")) return 0;
	char out[512];
	if (!strncmp((char *)p, "GET /rss", 8)) {
		malloc_trim(0);
		long size, rss; FILE *f = fopen("/proc/self/statm", "r");
		if (fscanf(f, "%ld %ld", &size, &rss) != 2) rss = 0;
		fclose(f);
		char body[32]; int len = snprintf(body, sizeof body, "%ld\n", rss * getpagesize());
		snprintf(out, sizeof out, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len, body);
		put(c, (unsigned char *)out, strlen(out));
		return -1;
	}
	char *key = strcasestr((char *)p, "sec-websocket-key:");
	if (!key) return -1;
	for (key += 18; *key == ' '; key++);
	char text[128]; snprintf(text, sizeof text, "%.24s258EAFA5-E914-47DA-95CA-C5AB0DC85B11", key);
	unsigned char sum[20]; char accept[32];
	sha1((unsigned char *)text, strlen(text), sum); base64(sum, 20, accept);
	if (!strncmp((char *)p, "GET /broadcast", 14)) { c->seat = members; room[members++] = c; }
	snprintf(out, sizeof out, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n\r\n", accept);
	put(c, (unsigned char *)out, strlen(out));
	c->open = 1;
	return 1;
}

// answer_to sends to whom a message goes.
static void answer_to(struct conn *c, const unsigned char *p, size_t n) {
	if (!n) return;
	if (c->seat < 0) put(c, p, n);
	else for (int i = 0; i < members; i++) put(room[i], p, n);
}

static void unmask(unsigned char *d, size_t len, const unsigned char *key) {
	uint32_t k32; memcpy(&k32, key, 4);
	uint64_t k = (uint64_t)k32 << 32 | k32;
	size_t i = 0;
	for (; i + 8 <= len; i += 8) { uint64_t v; memcpy(&v, d + i, 8); v ^= k; memcpy(d + i, &v, 8); }
	for (; i < len; i++) d[i] ^= key[i & 3];
}

// handle answers the whole frames in p, and returns how many bytes that was; less than 0: it is over. Small answers are gathered, large ones go
// from where they are, the head moved up to the payload.
static ssize_t handle(struct conn *c, unsigned char *p, size_t n) {
	size_t at = 0, out = 0;
	c->need = 0;
	while (n - at >= 6) {
		unsigned char *f = p + at, op = f[0] & 15;
		size_t len = f[1] & 0x7f, head = 2;
		if (len == 126) { head = 4; len = (size_t)f[2] << 8 | f[3]; }
		else if (len == 127) { if (n - at < 14) break; head = 10; len = 0; for (int i = 0; i < 8; i++) len = len << 8 | f[2+i]; }
		if (n - at < head + 4 + len) { c->need = head + 4 + len; break; }
		at += head + 4 + len;
		if (op == 10) continue;
		unsigned char *d = f + head + 4, *r = d - head;
		unmask(d, len, f + head);
		memmove(r, f, head);
		r[1] &= 0x7f;
		if (op == 9) r[0] = 0x8A;
		if (op >= 8) { put(c, answer, out); put(c, r, head + len); out = 0; if (op == 8) return -1; continue; }
		if (head + len > BIG) { answer_to(c, answer, out); answer_to(c, r, head + len); out = 0; continue; }
		if (out + head + len > sizeof answer) { answer_to(c, answer, out); out = 0; }
		memcpy(answer + out, r, head + len);
		out += head + len;
	}
	answer_to(c, answer, out);
	return (ssize_t)at;
}

// take handles n bytes at p, and keeps what was cut in c->in, with room for the whole frame.
static int take(struct conn *c, unsigned char *p, size_t n) {
	ssize_t used;
	if (c->open) used = handle(c, p, n);
	else { int r = handshake(c, p, n); used = r > 0 ? (ssize_t)n : r; c->need = 0; }
	if (used < 0) return -1;
	size_t left = n - (size_t)used;
	unsigned char *old = c->in;
	c->in = left ? malloc(c->need > left ? c->need : left) : 0;
	if (left) memcpy(c->in, p + used, left);
	free(old);
	c->have = left;
	return 0;
}

static void ready(struct conn *c) {
	for (;;) {
		int big = c->need > BIG; // the rest of a large frame is read to where it belongs
		unsigned char *p = big ? c->in : buf;
		size_t size = big ? c->need : BUF;
		if (!big && c->have) memcpy(buf, c->in, c->have);
		ssize_t k = recv(c->fd, p + c->have, size - c->have, 0);
		if (k < 0 && errno == EAGAIN) return;
		if (k <= 0) { drop(c); return; }
		size_t n = c->have + (size_t)k;
		if (big && n < size) { c->have = n; continue; }
		if (take(c, p, n) < 0) { drop(c); return; }
		if (n < size) return;
	}
}

int main(int argc, char **argv) {
	int port = argc > 1 ? atoi(argv[1]) : 9000, on = 1;
	int ls = socket(AF_INET, SOCK_STREAM | SOCK_NONBLOCK, 0), ep = epoll_create1(0);
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = {htonl(INADDR_LOOPBACK)}};
	mallopt(M_MMAP_THRESHOLD, 64 << 20); mallopt(M_TRIM_THRESHOLD, 64 << 20); // else each frame of 1 MiB is new pages, to be zeroed
	setsockopt(ls, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
	if (bind(ls, (void *)&a, sizeof a) || listen(ls, 4096)) { perror("bind"); return 1; }
	struct epoll_event ev = {.events = EPOLLIN, .data.fd = ls}, evs[256];
	epoll_ctl(ep, EPOLL_CTL_ADD, ls, &ev);
	for (;;) {
		int n = epoll_wait(ep, evs, 256, -1);
		for (int i = 0; i < n; i++) {
			int fd = evs[i].data.fd;
			if (fd == ls) {
				int s;
				while ((s = accept4(ls, 0, 0, SOCK_NONBLOCK)) >= 0) {
					setsockopt(s, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
					conns[s] = calloc(1, sizeof **conns); conns[s]->fd = s; conns[s]->seat = -1;
					ev.events = EPOLLIN | EPOLLOUT | EPOLLET; ev.data.fd = s;
					epoll_ctl(ep, EPOLL_CTL_ADD, s, &ev);
				}
				continue;
			}
			struct conn *c = conns[fd];
			if (!c) continue;
			if (evs[i].events & EPOLLOUT) flush(c);
			if (evs[i].events & ~EPOLLOUT) ready(c);
		}
	}
}
