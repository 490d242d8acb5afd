-- Why a fact is held though its members are there: a rule of the fact table refuses it.
alter table hayloft.held_fact add column reason text;
