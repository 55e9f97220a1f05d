/* SPDX-License-Identifier: GPL-2.0 */
/* The transmitters of requests. */
#ifndef _FNAT_REQUEST_H
#define _FNAT_REQUEST_H

struct ip_vs_conn;
struct ip_vs_iphdr;
struct ip_vs_protocol;
struct sk_buff;

int fnat_request(struct sk_buff *skb, struct ip_vs_conn *cp,
		 struct ip_vs_protocol *pp, struct ip_vs_iphdr *iph);
int fnat_request_drop(struct sk_buff *skb, struct ip_vs_conn *cp,
		      struct ip_vs_protocol *pp, struct ip_vs_iphdr *iph);
void fnat_request_through(const struct ip_vs_conn *cp);
void fnat_request_init(void);

#endif /* _FNAT_REQUEST_H */
