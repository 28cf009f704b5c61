/**
 * What becomes of each table of the present state when a backup takes its place.
 *
 * `backup`: what people have set up, from the file. `present`: what is true of the running cluster whatever the file
 * says: who belongs to it, its keys, what happened and what was done already. `merged` tables have rules of their own in
 * merge.ts. A new table must be put here: a test compares the list with the schema.
 */
export const TABLE_POLICY: Readonly<Record<string, 'backup' | 'present' | 'merged'>> = {
  system_state: 'merged',
  seen_commands: 'present',
  events: 'present',
  audit: 'present',
  cluster_info: 'present',
  cluster_secrets: 'present',
  cluster_key: 'present',
  cluster_key_copies: 'present',
  retired_session_keys: 'present',
  node_keys: 'present',
  ca_rotation: 'present',
  members: 'present',
  join_tokens: 'present',
  join_token_redemptions: 'present',
  leadership_terms: 'present',
  failovers: 'present',
  failover_intents: 'present',
  webhook_deliveries: 'present',
  // A restore must not forget the backups, nor where new ones go.
  backups: 'present',
  backup_settings: 'present',
  backup_targets: 'present',
  haproxy_revisions: 'present',
  haproxy_balancers: 'present',
  // What runs, runs: a restore starts nothing a second time.
  runners: 'present',
  runner_redemptions: 'present',
  jobs: 'present',
  job_attempts: 'present',
  job_totals: 'present',
  // Who is connected now, and generations that must never fall.
  connector_lease: 'present',
  connector_takeovers: 'present',
  service_replicas: 'merged',
  replica_generations: 'present',
  autoscale_decisions: 'present',
  ha_failovers: 'present',
  ha_updates: 'present',
  ha_update_steps: 'present',
  // What shall run is set up by people: the file says it, and the replicas that run follow.
  services: 'backup',
  service_revisions: 'backup',
  ha_settings: 'backup',
  job_schedules: 'merged',
  users: 'merged',
  revoked_sessions: 'merged',
  webhooks: 'merged',
  api_tokens: 'backup',
  haproxy_settings: 'backup',
  retention: 'backup',
  connector_settings: 'backup',
};

/**
 * What a fresh node keeps of its own when it is made from the file of another cluster: its identity and nothing else.
 * `emptied`: tied to the members, keys and terms of the cluster that the file came from.
 */
export const INIT_POLICY: Readonly<Record<string, 'present' | 'emptied'>> = {
  cluster_secrets: 'present',
  cluster_key: 'present',
  cluster_key_copies: 'present',
  retired_session_keys: 'present',
  node_keys: 'present',
  ca_rotation: 'present',
  members: 'present',
  join_tokens: 'emptied',
  join_token_redemptions: 'emptied',
  leadership_terms: 'emptied',
  failovers: 'emptied',
  failover_intents: 'emptied',
  revoked_sessions: 'emptied',
  // The runners and jobs of the other cluster are none of this one's.
  runners: 'emptied',
  runner_redemptions: 'emptied',
  jobs: 'emptied',
  job_attempts: 'emptied',
  job_totals: 'emptied',
  service_replicas: 'emptied',
  ha_failovers: 'emptied',
  ha_updates: 'emptied',
  ha_update_steps: 'emptied',
  backups: 'emptied',
  backup_settings: 'emptied',
  backup_targets: 'emptied',
  webhook_deliveries: 'emptied',
  // Two clusters must not come to the upstream as one gateway.
  connector_settings: 'emptied',
  connector_lease: 'emptied',
  connector_takeovers: 'emptied',
  haproxy_balancers: 'emptied',
};
