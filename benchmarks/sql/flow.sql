\ir figures.sql
\set bins 'ARRAY[900, 3600, 14400, 28800, 86400, 172800, 345600, 604800, 1209600, 2419200]::bigint[]'
SELECT :figures FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until';

SELECT cycle, coding, pickup, review, merge, whole, count(*) FROM (
  SELECT CASE WHEN NOT has_old_commit THEN width_bucket(cycle_time, :bins) END AS cycle,
    CASE WHEN NOT has_old_commit THEN width_bucket(coding_time, :bins) END AS coding,
    width_bucket(pickup_time, :bins) AS pickup, width_bucket(review_time, :bins) AS review,
    width_bucket(merge_time, :bins) AS merge, width_bucket(time_to_merge, :bins) AS whole
  FROM metrics_pullrequest
  WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
    AND merged_at >= :'since' AND merged_at < :'until'
) AS binned GROUP BY GROUPING SETS ((cycle), (coding), (pickup), (review), (merge), (whole));

SELECT size, percentile_cont(ARRAY[0.5,0.75,0.9]) WITHIN GROUP (ORDER BY cycle_time) FILTER (WHERE NOT has_old_commit)
FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'merged'
  AND merged_at >= :'since' AND merged_at < :'until' GROUP BY size;

SELECT waiting_for, width_bucket(extract(epoch FROM now() - opened_at) / 86400, ARRAY[1, 3, 7, 14, 28]::numeric[]), count(*)
FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND state = 'open' GROUP BY 1, 2;

CREATE TEMPORARY TABLE at_work AS
SELECT id, state, opened_at, ready_at, closed_at, coalesce(first_review_at, closed_at) AS waited_until
FROM metrics_pullrequest
WHERE team_id = :team AND NOT is_bot AND NOT is_excluded AND opened_at < :'until'
  AND (state = 'open' OR state IN ('merged', 'closed') AND closed_at >= :'since');

SELECT day, sum(sum(change)) OVER (ORDER BY day) FROM (
  SELECT greatest(date_trunc('day', ready_at), :'since') AS day, 1 AS change FROM at_work WHERE ready_at < coalesce(closed_at, 'infinity')
  UNION ALL
  SELECT date_trunc('day', closed_at), -1 FROM at_work WHERE ready_at < closed_at
) AS changes GROUP BY day ORDER BY day;

SELECT hour, sum(sum(change)) OVER (ORDER BY hour) FROM (
  SELECT greatest(ceil(extract(epoch FROM ready_at - :'since'::timestamptz) / 3600), 0) AS hour, 1 AS change FROM at_work WHERE ready_at < coalesce(waited_until, 'infinity')
  UNION ALL
  SELECT greatest(ceil(extract(epoch FROM waited_until - :'since'::timestamptz) / 3600), 0), -1 FROM at_work WHERE ready_at < waited_until
) AS changes GROUP BY hour ORDER BY hour;

SELECT count(*) FROM at_work WHERE state = 'closed' AND closed_at >= :'since' AND closed_at < :'until';

SELECT e.pull_request_id, e.at, e.kind, a.opened_at, a.ready_at, a.closed_at
FROM metrics_timelineevent e JOIN at_work a ON a.id = e.pull_request_id
WHERE e.kind IN ('ready_for_review', 'convert_to_draft', 'closed', 'reopened', 'merged')
  AND e.pull_request_id IN (SELECT pull_request_id FROM metrics_timelineevent WHERE team_id = :team AND kind IN ('convert_to_draft', 'reopened'))
ORDER BY e.at, e.id;
