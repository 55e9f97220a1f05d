/* SPDX-License-Identifier: GPL-2.0 */
/*
 * The words of the contract with the module: its attribute sets, written from
 * and read into what the command line knows.
 */
#ifndef FNATCTL_CONTRACT_H
#define FNATCTL_CONTRACT_H

#include <linux/ip_vs_fullnat.h>

#include "args.h"
#include "nl.h"
#include "parse.h"

int fnat_open(struct nl *nl);
int fnat_refused(const struct nl *nl);
int fnat_command(uint8_t command, const struct args *args,
		 void (*fill)(struct nl *nl, const struct args *args));

void put_service(struct nl *nl, uint16_t type, const struct service *service);
void put_endpoint(struct nl *nl, uint16_t type,
		  const struct endpoint *endpoint);
void put_range(struct nl *nl, uint16_t type, const struct range *range,
	       bool draining);
void put_list(struct nl *nl, uint16_t type, const struct list *list);
void put_settings(struct nl *nl, const struct args *args);

bool get_service(const struct nlattr *nest, struct service *service);
bool get_endpoint(const struct nlattr *nest, struct endpoint *endpoint);
bool get_range(const struct nlattr *nest, struct range *range);
bool get_port_range(const struct nlattr *nest, struct port_range *range);

#endif
